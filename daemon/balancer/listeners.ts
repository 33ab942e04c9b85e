/** The app's listening sockets: bound once, kept while instances come and go. */

import { existsSync } from 'node:fs'

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
  /** Undefined where every instance binds a socket of its own. */
  handle: ListenHandle | undefined
  readonly sockname: SocketName
  /** The supervisor accepts from it. */
  accepting: boolean
  /** Ids of the members that hold it. */
  readonly holders: Set<number>
  /** The instances of the supervisor that this one replaces accept from it still. */
  hasPredecessor: boolean
  /** The member that was asked for the handle. */
  awaited: number | undefined
  /** More sockets at this address (`reuseport`): closing one would reset what waits in it. */
  readonly more: MoreSocket[]
  /** Members that were asked for theirs. */
  readonly collecting: Set<number>
}

interface MoreSocket {
  handle: ListenHandle
  accepting: boolean
}

export interface Listeners {
  get(key: string): Listener | undefined
  all(): Listener[]
  /** Finds or binds. @returns the listener, or a negative errno */
  open(query: ListenQuery): Listener | number
  /** Without a socket here. */
  openForOwn(query: ListenQuery): Listener
  /** Takes over a socket that an instance has bound. */
  adopt(query: ListenQuery, handle: ListenHandle): Listener
  close(listener: Listener): void
}

const DEFAULT_BACKLOG = 511

export function isPath({ query }: { query: ListenQuery }): boolean {
  return query.addressType === -1
}

export function createListeners(): Listeners {
  const open = new Map<string, Listener>()

  function add(query: ListenQuery, handle: ListenHandle | undefined, udp: boolean): Listener {
    const listener: Listener = {
      key: listenerKey(query),
      query,
      udp,
      handle,
      sockname: handle === undefined || query.addressType === -1 ? {} : socketName(handle),
      accepting: false,
      holders: new Set(),
      awaited: undefined,
      hasPredecessor: false,
      more: [],
      collecting: new Set(),
    }
    open.set(listener.key, listener)
    return listener
  }

  return {
    get: (key) => open.get(key),
    all: () => [...open.values()],
    open(query) {
      const existing = open.get(listenerKey(query))
      if (existing !== undefined) return existing
      const udp = query.addressType === 'udp4' || query.addressType === 'udp6'
      const handle = udp ? bindUdp(query) : bindStream(query)
      return typeof handle === 'number' ? handle : add(query, handle as ListenHandle, udp)
    },
    openForOwn: (query) => open.get(listenerKey(query)) ?? add(query, undefined, false),
    adopt(query, handle) {
      const existing = open.get(listenerKey(query))
      // The address was free for the instance, so what was kept for it is of no use any more.
      existing?.handle?.close()
      const listener = add(query, handle, false)
      for (const holder of existing?.holders ?? []) listener.holders.add(holder)
      return listener
    },
    close(listener) {
      open.delete(listener.key)
      listener.handle?.close()
      for (const { handle } of listener.more) handle.close()
    },
  }
}

/** The app removed the socket's file, as many do before they listen: nobody can connect to it any more. */
export function hasLostItsFile(listener: Listener): boolean {
  const { address } = listener.query
  return isPath(listener) && address !== null && !address.startsWith('\0') && !existsSync(address)
}

/** From now on every connection comes to `onConnection`. @returns 0 or a negative errno */
export function startAccepting(
  listener: Listener,
  onConnection: (client: StreamHandle) => void,
): number {
  const { handle, query } = listener
  if (listener.accepting || handle === undefined) return 0
  const errno = acceptFrom(handle, query, onConnection)
  if (errno === 0) listener.accepting = true
  return errno
}

/** Nobody else does: the instances have let go of them. */
export function startAcceptingMore(
  { more, query }: Listener,
  onConnection: (client: StreamHandle) => void,
): void {
  for (const socket of more)
    socket.accepting ||= acceptFrom(socket.handle, query, onConnection) === 0
}

function acceptFrom(
  handle: ListenHandle,
  { backlog }: ListenQuery,
  onConnection: (client: StreamHandle) => void,
): number {
  handle.onconnection = (status, client) => {
    // A failed accept (out of descriptors, an aborted connection) concerns nobody else.
    if (status === 0 && client !== undefined) onConnection(client)
  }
  return handle.listen(backlog || DEFAULT_BACKLOG)
}
