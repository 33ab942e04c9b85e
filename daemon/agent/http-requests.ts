/** HTTP/1 requests under way, seen through Node's diagnostics channels: nothing of the app is wrapped. */

import { subscribe } from 'node:diagnostics_channel'
import type { ServerResponse } from 'node:http'

export interface RequestCounts {
  active(): number
  total(): number
  /** From now on each response ends its connection. */
  closeConnections(): void
}

export function countRequests(): RequestCounts {
  const active = new Set<ServerResponse>()
  let total = 0
  let closing = false

  subscribe('http.server.request.start', (message) => {
    const { response } = message as { response: ServerResponse }
    total += 1
    active.add(response)
    if (closing) response.shouldKeepAlive = false
  })
  subscribe('http.server.response.finish', (message) => {
    active.delete((message as { response: ServerResponse }).response)
  })

  return {
    active() {
      // A response that was cut off never finishes; a listener on each would cost every request.
      for (const response of active)
        if (response.destroyed || response.closed) active.delete(response)
      return active.size
    },
    total: () => total,
    closeConnections() {
      closing = true
      for (const response of active) if (!response.headersSent) response.shouldKeepAlive = false
    },
  }
}
