/** The listeners of an app: bound for its instances, closed when nobody wants them any more. */

import {
  AGENT_COMMAND,
  type FromAgent,
  listenerKey,
  type ListenQuery,
} from '../../src/contract/agent.ts'
import { after, type Clock } from '../kernel/clock.ts'
import { type AcceptingOptions, createAccepting } from './accepting.ts'
import { createListeners, hasLostItsFile, type Listener } from './listeners.ts'
import type { MemberState } from './members.ts'
import { EADDRINUSE, type ListenHandle } from './native.ts'
import type { BalancerOptions, NativeHandle } from './port.ts'
import { removeIfStale } from './stale-socket.ts'
import type { TicketKeys } from './ticket-keys.ts'

/** An offer of the socket may be on its way from the instance that has just bound it. */
const OFFER_MS = 100
/** Instances that start together are ready together. */
const REVIEW_MS = 500

type ListenMessage = FromAgent & { act: 'listen' }

export interface ListeningOptions extends AcceptingOptions {
  clock: Clock
  ticketKeys: TicketKeys
  onBindFailed: BalancerOptions['onBindFailed']
  /** The listener is gone: what waits for it is lost. */
  onListenerClosed: (key: string) => void
  log: BalancerOptions['log']
}

export interface Listening {
  listen(state: MemberState, message: ListenMessage): void
  /** Fork mode: the instance has bound by itself. */
  offered(
    state: MemberState,
    message: FromAgent & { act: 'offer' },
    handle: NativeHandle | undefined,
  ): void
  returned(state: MemberState, key: string, handle: NativeHandle | undefined): void
  closedBy(state: MemberState, key: string): void
  /** In or out of rotation, ejected or back. */
  rotationChanged(state: MemberState): void
  policyChanged(): void
  forget(memberId: number): void
  all(): { query: ListenQuery; handle: NativeHandle }[]
  inherit(query: ListenQuery, handle: NativeHandle): void
  restoreFiles(): void
  sweep(): void
  release(): void
}

export function createListening(options: ListeningOptions): Listening {
  const { mode, clock, spec, members, ticketKeys } = options
  const listeners = createListeners()
  const accepting = createAccepting(options)

  function listen(state: MemberState, message: ListenMessage, isSecondTry = false): void {
    const { seq, query } = message
    const key = listenerKey(query)
    const existing = listeners.get(key)
    if (existing !== undefined && hasLostItsFile(existing)) rebind(existing)
    const wantsOwn =
      spec().policy === 'reuseport' && message.canReusePort === true && mode === 'cluster'
    const listener =
      wantsOwn && query.port > 0 && typeof query.addressType === 'number'
        ? listeners.openForOwn(query)
        : listeners.open(query)
    const errno = typeof listener === 'number' ? listener : accepting.begin(listener)
    if (errno === EADDRINUSE && !isSecondTry && tryAgain(state, message)) return
    if (typeof listener === 'number' || errno !== 0) {
      if (typeof listener !== 'number' && existing === undefined) listeners.close(listener)
      state.member.send({
        cmd: AGENT_COMMAND,
        act: 'listen-reply',
        seq,
        key,
        how: 'dispatched',
        errno,
      })
      options.onBindFailed(state.id, { address: query.address ?? '', port: query.port }, errno)
      return
    }
    listener.holders.add(state.id)
    state.listeners.add(key)
    reply(state, listener, seq)
    accepting.adjust(state, listener)
  }

  /** @returns true when the answer comes later */
  function tryAgain(state: MemberState, message: ListenMessage): boolean {
    const again = (): void => {
      if (members.has(state.id)) listen(state, message, true)
    }
    const { address, addressType } = message.query
    if (addressType === -1 && address !== null && !address.startsWith('\0'))
      removeIfStale(address, again)
    else if (mode === 'fork') clock.at(after(clock.now(), OFFER_MS), again)
    else return false
    return true
  }

  function reply(state: MemberState, listener: Listener, seq: number): void {
    const { key, handle } = listener
    const how = accepting.howOf(listener)
    const accept = accepting.beginsWith(state, listener)
    const hasHandle = how === 'shared' || (how === 'kernel' && accept)
    state.member.send(
      {
        cmd: AGENT_COMMAND,
        act: 'listen-reply',
        seq,
        key,
        how: how === 'kernel' ? 'dispatched' : how,
        accept,
        sockname: nameOf(listener),
        ticketKeys: ticketKeys.current(),
      },
      hasHandle ? handle : undefined,
    )
  }

  function rebind(listener: Listener): void {
    listeners.close(listener)
    const fresh = listeners.open(listener.query)
    if (typeof fresh === 'number') return
    for (const id of listener.holders) fresh.holders.add(id)
    accepting.begin(fresh)
    for (const state of members.values()) {
      if (!state.accepting.delete(fresh.key)) continue
      state.member.send({ cmd: AGENT_COMMAND, act: 'refrain', key: fresh.key })
      accepting.adjust(state, fresh)
    }
  }

  function close(listener: Listener): void {
    listeners.close(listener)
    for (const state of members.values()) state.accepting.delete(listener.key)
    options.onListenerClosed(listener.key)
  }

  /** One that accepted for want of others need not any more; it may come into rotation itself in a moment. */
  function reviewSoon(listener: Listener): void {
    clock.at(after(clock.now(), REVIEW_MS), () => {
      if (listeners.get(listener.key) === listener) accepting.update(listener)
    })
  }

  return {
    listen,
    offered(state, { seq, query }, handle) {
      if (handle === undefined) return
      const listener = listeners.adopt(query, handle as ListenHandle)
      listener.holders.add(state.id)
      state.listeners.add(listener.key)
      // From what it has bound it accepts already.
      state.accepting.add(listener.key)
      const { key } = listener
      const keys = ticketKeys.current()
      state.member.send({
        cmd: AGENT_COMMAND,
        act: 'listen-reply',
        seq,
        key,
        how: 'own',
        ticketKeys: keys,
      })
    },
    returned(state, key, handle) {
      if (handle !== undefined) accepting.returned(state, listeners.get(key), handle)
    },
    closedBy(state, key) {
      state.listeners.delete(key)
      state.accepting.delete(key)
      const listener = listeners.get(key)
      if (listener === undefined) return
      listener.holders.delete(state.id)
      listener.collecting.delete(state.id)
      // An instance that leaves closes its servers, and its replacement wants the socket. One that stays means it.
      const leaving = state.wasInRotation && !state.inRotation
      if (listener.holders.size === 0 && !leaving) close(listener)
    },
    rotationChanged(state) {
      for (const key of state.listeners) {
        const listener = listeners.get(key)
        if (listener === undefined) continue
        accepting.adjust(state, listener)
        if (accepting.howOf(listener) === 'own') reviewSoon(listener)
      }
    },
    policyChanged() {
      for (const listener of listeners.all()) accepting.update(listener)
    },
    forget(memberId) {
      for (const listener of listeners.all()) {
        if (!listener.holders.delete(memberId)) continue
        if (listener.awaited === memberId) listener.awaited = undefined
        listener.collecting.delete(memberId)
        accepting.update(listener)
      }
    },
    all: () =>
      [...listeners.all()].flatMap(({ query, handle, more }) =>
        [handle, ...more.map((socket) => socket.handle)].flatMap((each) =>
          each === undefined ? [] : [{ query, handle: each }],
        ),
      ),
    inherit(query, given) {
      const handle = given as ListenHandle
      const existing = listeners.get(listenerKey(query))
      if (existing?.handle === undefined) listeners.adopt(query, handle).hasPredecessor = true
      else existing.more.push({ handle, accepting: false })
    },
    restoreFiles() {
      for (const listener of listeners.all()) {
        listener.hasPredecessor = false
        if (hasLostItsFile(listener)) rebind(listener)
        else accepting.update(listener)
      }
    },
    sweep() {
      for (const listener of listeners.all()) if (listener.holders.size === 0) close(listener)
    },
    release() {
      for (const listener of listeners.all()) close(listener)
    },
  }
}

function nameOf({ sockname, query }: Listener): { address: string; port: number; family?: string } {
  const { address = query.address ?? '', port = query.port, family } = sockname
  return family === undefined ? { address, port } : { address, port, family }
}
