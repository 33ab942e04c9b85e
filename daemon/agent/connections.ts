/** The open connections of this process' servers, and how to end each kind. */

import type { Socket } from 'node:net'

import type { AnyServer, ServedSocket } from './node-internals.ts'
import type { Servers } from './servers.ts'

/** RFC 6455: unmasked close frame with status 1001, "going away". */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9])
const GOING_AWAY_CODE = 1001

interface HttpServer {
  closeIdleConnections?(): void
}

interface Http2Session {
  closed: boolean
  close(): void
  once(event: 'close', run: () => void): void
}

interface WebSocketLike {
  close(code: number): void
}

export function closeIdleConnections(server: AnyServer): void {
  ;(server as HttpServer).closeIdleConnections?.()
}

export interface Sessions {
  /** GOAWAY: streams under way end, new ones go elsewhere; holds for sessions still to come, too. */
  close(): void
}

export function watchSessions(servers: Servers): Sessions {
  const sessions = new Set<Http2Session>()
  let closing = false
  servers.onServer((server) => {
    // Only HTTP/2 servers have settings; node:http2 is not loaded to ask.
    if (!('updateSettings' in server)) return
    server.on('session', (session: Http2Session) => {
      sessions.add(session)
      session.once('close', () => sessions.delete(session))
      if (closing) session.close()
    })
  })
  return {
    close() {
      closing = true
      for (const session of sessions) if (!session.closed) session.close()
    },
  }
}

export interface OpenSockets {
  list(): Socket[]
}

export function watchSockets(servers: Servers): OpenSockets {
  const encrypted = new Set<Socket>()
  servers.onServer((server) => {
    if (typeof server.setTicketKeys !== 'function') return
    server.on('secureConnection', (socket: Socket) => {
      encrypted.add(socket)
      socket.once('close', () => encrypted.delete(socket))
    })
  })
  return {
    list() {
      const ours = new Set(servers.all())
      // Node keeps no list of a server's sockets, but one of all handles.
      const handles = (
        process as unknown as { _getActiveHandles(): ServedSocket[] }
      )._getActiveHandles()
      const plain = handles.filter(({ server }) => server !== undefined && ours.has(server))
      return [
        ...encrypted,
        ...plain.filter(({ server }) => typeof server?.setTicketKeys !== 'function'),
      ]
    },
  }
}

/** Ends it in the way its protocol has for that, as far as that can be seen. */
export function sayGoingAway(socket: Socket): void {
  const webSocket = webSocketOf(socket)
  if (webSocket !== undefined) {
    webSocket.close(GOING_AWAY_CODE)
    return
  }
  if (isUpgraded(socket)) socket.write(GOING_AWAY)
  socket.end()
}

/** ws, and what is built on it (Socket.IO), leave their object on the socket. */
function webSocketOf(socket: Socket): WebSocketLike | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'websocket',
  )
  const value: unknown =
    key === undefined ? undefined : (socket as unknown as Record<symbol, unknown>)[key]
  return typeof value === 'object' && value !== null && 'close' in value
    ? (value as WebSocketLike)
    : undefined
}

/** An HTTP connection that left its parser for something that is not a tunnel speaks WebSocket. */
function isUpgraded(socket: ServedSocket): boolean {
  const { server, parser } = socket
  return (
    server !== undefined &&
    parser === null &&
    server.listenerCount('upgrade') > 0 &&
    server.listenerCount('connect') === 0
  )
}
