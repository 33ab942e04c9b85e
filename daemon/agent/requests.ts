/** Asks the supervisor for listeners and matches its answers. */

import type { ListenQuery, ToAgent } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'

export type Reply = Extract<ToAgent, { act: 'listen-reply' }>

export interface Requests {
  listen(query: ListenQuery, canReusePort: boolean, done: Done): void
  /** Gives a copy of a listening socket to the supervisor; nothing waits for its answer. */
  offer(query: ListenQuery, handle: object, done: Done): void
}

type Done = (reply: Reply, handle: object | undefined) => void

export function createRequests(channel: Channel): Requests {
  const pending = new Map<number, { done: Done; holds: boolean }>()
  let lastSeq = 0

  channel.on('listen-reply', (reply, handle) => {
    const asked = pending.get(reply.seq)
    if (asked === undefined) return
    pending.delete(reply.seq)
    if (asked.holds) channel.letGo()
    asked.done(reply, handle)
  })

  return {
    listen(query, canReusePort, done) {
      lastSeq += 1
      pending.set(lastSeq, { done, holds: true })
      channel.hold()
      channel.send({ act: 'listen', seq: lastSeq, query, canReusePort })
    },
    offer(query, handle, done) {
      lastSeq += 1
      pending.set(lastSeq, { done, holds: false })
      channel.send({ act: 'offer', seq: lastSeq, query }, handle)
    },
  }
}
