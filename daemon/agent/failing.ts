/** Notices that this process closes one connection after the other at once, without a word. */

import type { Channel } from './channel.ts'
import { type NativeHandle, ownerOf } from './node-internals.ts'
import type { Servers } from './servers.ts'

const AT_ONCE_MS = 100
const WORTH_TELLING = 5

const bornMs = Symbol('lbm.born')

interface Watched extends NativeHandle {
  [bornMs]?: number
}

export function noticeFailing(channel: Channel, servers: Servers): void {
  const patched = new WeakSet<object>()
  let inARow = 0

  servers.beforeConnection((client: Watched) => {
    client[bornMs] = Date.now()
    const prototype = Object.getPrototypeOf(client) as Watched
    if (patched.has(prototype)) return
    patched.add(prototype)
    // One function for all: one for each connection would cost more than the rest of the agent.
    const { close } = prototype
    prototype.close = function (this: Watched, done) {
      if (this[bornMs] !== undefined) judge(this, Date.now() - this[bornMs])
      close.call(this, done)
    }
  })

  function judge(client: Watched, agedMs: number): void {
    delete client[bornMs]
    if (agedMs > AT_ONCE_MS || (client.bytesWritten ?? 0) > 0) inARow = 0
    else if (!isClientsDoing(client)) inARow += 1
    if (inARow < WORTH_TELLING) return
    channel.send({ act: 'failing', closed: inARow })
    inARow = 0
  }
}

/** It ended or reset the connection: a port check, a cancelled request. */
function isClientsDoing(client: NativeHandle): boolean {
  const owner = ownerOf(client)
  return owner === undefined || owner._readableState?.ended === true || owner.errored !== null
}
