/** Tells the supervisor that a connection which waits comes from this process: see `whose` in the contract. */

import type { Socket } from 'node:net'

import type { Channel } from './channel.ts'

interface Handles {
  _getActiveHandles(): Partial<Socket>[]
}

export function claimOwnCalls(channel: Channel): void {
  channel.on('whose', ({ id, key, port }) => {
    const handles = (process as unknown as Handles)._getActiveHandles()
    if (handles.some(({ localPort }) => localPort === port)) channel.send({ act: 'mine', id, key })
  })
}
