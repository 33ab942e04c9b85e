/** Session tickets of TLS servers: every instance has the same keys, so that a client may resume at any of them. */

import type { Channel } from './channel.ts'
import type { AnyServer } from './node-internals.ts'

/** Servers that have the supervisor's keys. */
const sharing = new Set<WeakRef<AnyServer>>()

export function shareTicketKeys(server: AnyServer, keys: string | undefined): void {
  // An app with keys of its own shares them with other hosts, maybe.
  if (
    keys === undefined ||
    typeof server.setTicketKeys !== 'function' ||
    server.ticketKeys !== undefined
  )
    return
  useKeys(server, keys)
  sharing.add(new WeakRef(server))
}

export function followTicketKeys(channel: Channel): void {
  channel.on('ticket-keys', ({ ticketKeys }) => {
    for (const reference of sharing) {
      const server = reference.deref()
      if (server === undefined) sharing.delete(reference)
      else useKeys(server, ticketKeys)
    }
  })
}

/** As a property, too: `setSecureContext`, called when a certificate is renewed, takes them from there. */
function useKeys(server: AnyServer, keys: string): void {
  const bytes = Buffer.from(keys, 'base64')
  server.ticketKeys = bytes
  server.setTicketKeys?.(bytes)
}
