/** PROXY protocol: reads the header before the server sees the connection, so that the client's address is the client's. */

import type { Socket } from 'node:net'

import { readProxyHeader } from '../../src/contract/agent.ts'
import { createSocket, hand } from './inject.ts'
import type { AnyServer, NativeHandle } from './node-internals.ts'

/** A proxy sends the header with its first packet. */
const MAX_MS = 3000

/** @param read what was read of it already @param done runs when the server has the connection */
export function expectProxyHeader(
  server: AnyServer,
  client: NativeHandle,
  read: Buffer,
  done: (socket: Socket) => void,
): void {
  const socket = createSocket(server, client, { paused: false })
  const timer = setTimeout(() => socket.destroy(), MAX_MS)
  let bytes = read

  const look = (): void => {
    const header = readProxyHeader(bytes)
    if (header.state === 'partial') return
    stop()
    // Whoever does not say for whom it speaks is not the proxy.
    if (header.state === 'invalid') {
      socket.destroy()
      return
    }
    const { source } = header
    if (source !== undefined) client.getpeername = (out) => (Object.assign(out, source), 0)
    const rest = bytes.subarray(header.length)
    if (rest.length > 0) socket.unshift(rest)
    afterRead(socket, () => {
      hand(server, socket)
      done(socket)
    })
  }
  const readMore = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    bytes = Buffer.concat([bytes, chunk])
    look()
  }
  const fail = (): void => {
    stop()
    socket.destroy()
  }
  const stop = (): void => {
    clearTimeout(timer)
    socket.off('readable', readMore).off('end', fail).off('error', fail)
  }
  socket.on('readable', readMore).on('end', fail).on('error', fail)
  if (bytes.length > 0) look()
}

/** A stream forgets in the next tick that it was listened to for 'readable'; then it is like new. */
function afterRead(socket: Socket, run: () => void): void {
  process.nextTick(() => {
    if (!socket.destroyed) run()
  })
}
