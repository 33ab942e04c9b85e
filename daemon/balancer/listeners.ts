/** The app's listening sockets: bound here once, kept while instances come and go. */

import { type ListenQuery, listenerKey } from '../../src/contract/agent.ts'
import {
  bindStream,
  bindUdp,
  type ListenHandle,
  socketName,
  type SocketName,
  type StreamHandle,
} from './native.ts'

export interface Listener {
  readonly key: string
  readonly query: ListenQuery
  readonly udp: boolean
  readonly handle: ListenHandle
  readonly sockname: SocketName
  /** The supervisor accepts from it; else the instances do. */
  accepting: boolean
  /** Members that hold it. */
  readonly holders: Set<number>
}

export interface Listeners {
  get(key: string): Listener | undefined
  all(): Iterable<Listener>
  /** Finds or binds. @returns the listener, or a negative errno */
  open(query: ListenQuery): Listener | number
  /** Takes over a socket that an instance has bound. */
  adopt(query: ListenQuery, handle: ListenHandle): Listener
  close(listener: Listener): void
}

const DEFAULT_BACKLOG = 511

export function createListeners(): Listeners {
  const open = new Map<string, Listener>()

  function add(bound: Pick<Listener, 'key' | 'query' | 'udp' | 'handle'>): Listener {
    const listener: Listener = {
      ...bound,
      sockname: bound.query.addressType === -1 ? {} : socketName(bound.handle),
      accepting: false,
      holders: new Set(),
    }
    open.set(bound.key, listener)
    return listener
  }

  return {
    get: (key) => open.get(key),
    all: () => open.values(),
    open(query) {
      const key = listenerKey(query)
      const existing = open.get(key)
      if (existing !== undefined) return existing
      const udp = query.addressType === 'udp4' || query.addressType === 'udp6'
      const handle = udp ? bindUdp(query) : bindStream(query)
      if (typeof handle === 'number') return handle
      return add({ key, query, udp, handle: handle as ListenHandle })
    },
    adopt(query, handle) {
      const key = listenerKey(query)
      const existing = open.get(key)
      // The address was free for the instance, so what was kept for it is of no use any more.
      if (existing !== undefined) existing.handle.close()
      const listener = add({ key, query, udp: false, handle })
      for (const holder of existing?.holders ?? []) listener.holders.add(holder)
      return listener
    },
    close(listener) {
      open.delete(listener.key)
      listener.handle.close()
    },
  }
}

/** From now on every connection comes to `onConnection`. @returns 0 or a negative errno */
export function startAccepting(
  listener: Listener,
  onConnection: (client: StreamHandle) => void,
): number {
  if (listener.accepting) return 0
  listener.handle.onconnection = (status, client) => {
    // A failed accept (out of descriptors, an aborted connection) concerns nobody else.
    if (status === 0 && client !== undefined) onConnection(client)
  }
  const errno = listener.handle.listen(listener.query.backlog || DEFAULT_BACKLOG)
  if (errno === 0) listener.accepting = true
  return errno
}
