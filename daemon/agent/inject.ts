/** Gives a server a connection of which something has been read already; else as net.js does it. */

import net, { type Socket } from 'node:net'

import type { AnyServer, NativeHandle } from './node-internals.ts'

interface ServerOptions {
  allowHalfOpen?: boolean
  pauseOnConnect?: boolean
  noDelay?: boolean
  keepAlive?: boolean
  keepAliveInitialDelay?: number
  highWaterMark?: number
}

/** @param done runs when the server has the connection */
export function injectConnection(
  server: AnyServer,
  client: NativeHandle,
  read: Buffer,
  done: (socket: Socket) => void,
): void {
  const socket = createSocket(server, client)
  if (read.length > 0) socket.unshift(read)
  hand(server, socket)
  done(socket)
}

export function createSocket(
  server: AnyServer,
  client: NativeHandle,
  { paused }: { paused?: boolean } = {},
): Socket {
  const { allowHalfOpen = false, pauseOnConnect = false, highWaterMark } = server as ServerOptions
  return new net.Socket({
    handle: client,
    allowHalfOpen,
    pauseOnCreate: paused ?? pauseOnConnect,
    readable: true,
    writable: true,
    readableHighWaterMark: highWaterMark,
    writableHighWaterMark: highWaterMark,
  } as net.SocketConstructorOpts)
}

export function hand(server: AnyServer, socket: Socket): void {
  if ((server as ServerOptions).pauseOnConnect === true) socket.pause()
  const { noDelay = false, keepAlive = false, keepAliveInitialDelay } = server as ServerOptions
  if (noDelay) socket.setNoDelay(true)
  if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelay)
  server._connections += 1
  Object.assign(socket, { server, _server: server })
  server.emit('connection', socket)
}
