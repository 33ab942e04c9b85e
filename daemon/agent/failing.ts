/** Notices that this process closes one connection after the other at once, without a word. */

import type { Channel } from './channel.ts'
import { type NativeHandle, ownerOf, type ServedSocket } from './node-internals.ts'
import type { Servers } from './servers.ts'

const AT_ONCE_MS = 100
const WORTH_TELLING = 5

const bornMs = Symbol('lbm.born')

interface Watched extends ServedSocket {
  [bornMs]?: number
}

export function noticeFailing(channel: Channel, servers: Servers): void {
  const patched = new WeakSet<object>()
  let inARow = 0

  servers.onConnection((socket: Watched) => {
    socket[bornMs] = Date.now()
  })
  servers.beforeConnection((client) => {
    const prototype = Object.getPrototypeOf(client) as NativeHandle
    if (patched.has(prototype)) return
    patched.add(prototype)
    // One function for all: one for each connection would cost more than the rest of the agent.
    const { close } = prototype
    prototype.close = function (this: NativeHandle, done) {
      const socket: Watched | undefined = ownerOf(this)
      if (socket?.server) judge(this, socket)
      close.call(this, done)
    }
  })

  function judge(client: NativeHandle, socket: Watched): void {
    // Not born yet: closed by the server's own listener of 'connection'.
    const ageMs = socket[bornMs] === undefined ? 0 : Date.now() - socket[bornMs]
    if (ageMs > AT_ONCE_MS || (client.bytesWritten ?? 0) > 0) inARow = 0
    else if (!isClientsDoing(socket)) inARow += 1
    if (inARow < WORTH_TELLING) return
    channel.send({ act: 'failing', closed: inARow })
    inARow = 0
  }
}

/** It ended or reset the connection: a port check, a cancelled request. */
function isClientsDoing(socket: ServedSocket): boolean {
  return socket._readableState?.ended === true || socket.errored !== null
}
