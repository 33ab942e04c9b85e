/** HTTP/1 requests, in all and under way. */

import { subscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'

import type { AnyServer, ServedSocket } from './node-internals.ts'
import type { Servers } from './servers.ts'

export interface RequestCounts {
  active(): number
  total(): number
  /** From now on each response ends its connection. */
  closeConnections(): void
}

interface ConnectionsList {
  all(): { socket?: ServedSocket }[]
}

/**
 * Node publishes each request on a diagnostics channel, but a subscriber costs a trivial request 5 % of its time (measured).
 * So the total is counted where the parser calls http.js, and what is under way is looked up when it is asked for.
 */
export function countRequests(servers: Servers): RequestCounts {
  let total = 0

  const count = ({ parser }: ServedSocket): void => {
    const onIncoming = parser?.onIncoming
    if (parser === null || parser === undefined || onIncoming === undefined) return
    parser.onIncoming = (request, shouldKeepAlive) => {
      total += 1
      return onIncoming(request, shouldKeepAlive)
    }
  }
  servers.onConnection(count)
  servers.onServer((server) => {
    // Of a TLS server's connections the parser is on the decrypted side.
    if (typeof server.setTicketKeys === 'function') server.on('secureConnection', count)
  })

  function* underWay(): Iterable<ServerResponse> {
    for (const server of servers.all()) {
      for (const { socket } of connectionsOf(server)?.all() ?? []) {
        const message = socket?._httpMessage
        if (message && !message.writableFinished && !message.destroyed) yield message
      }
    }
  }

  return {
    active: () => [...underWay()].length,
    total: () => total,
    closeConnections() {
      for (const response of underWay()) if (!response.headersSent) response.shouldKeepAlive = false
      subscribe('http.server.request.start', (message) => {
        ;(message as { response: ServerResponse }).response.shouldKeepAlive = false
      })
    },
  }
}

/** http.js keeps them for its own time-outs. */
function connectionsOf(server: AnyServer): ConnectionsList | undefined {
  const key = Object.getOwnPropertySymbols(server).find(
    ({ description }) => description === 'http.server.connections',
  )
  return key === undefined ? undefined : (server as unknown as Record<symbol, ConnectionsList>)[key]
}
