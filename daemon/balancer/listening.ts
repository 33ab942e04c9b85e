/**
 * Who accepts from which socket. `dispatched`: the supervisor, which hands connections out. `kernel` (and fork
 * mode): the instances in rotation, from the supervisor's socket. `own`: they again, each from a socket of its own.
 * `shared` (UDP): every instance from the moment it listens.
 */

import {
  AGENT_COMMAND,
  type FromAgent,
  listenerKey,
  type ListenQuery,
} from '../../src/contract/agent.ts'
import type { BalanceSpec, Mode } from '../../src/contract/app.ts'
import { after, type Clock } from '../kernel/clock.ts'
import {
  createListeners,
  hasLostItsFile,
  isPath,
  type Listener,
  startAccepting,
} from './listeners.ts'
import { isWanted, type MemberState } from './members.ts'
import { EADDRINUSE, type ListenHandle, type StreamHandle } from './native.ts'
import type { BalancerOptions, NativeHandle } from './port.ts'
import { removeIfStale } from './stale-socket.ts'
import type { TicketKeys } from './ticket-keys.ts'

/** An offer of the socket may be on its way from the instance that has just bound it. */
const OFFER_MS = 100

type How = 'dispatched' | 'kernel' | 'own' | 'shared'
type ListenMessage = FromAgent & { act: 'listen' }

export interface ListeningOptions {
  mode: Mode
  clock: Clock
  spec: () => BalanceSpec
  members: ReadonlyMap<number, MemberState>
  ticketKeys: TicketKeys
  onBindFailed: BalancerOptions['onBindFailed']
  onConnection: (key: string, client: StreamHandle) => void
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

  function howOf(listener: Listener): How {
    if (listener.udp) return 'shared'
    if (mode === 'fork') return 'kernel'
    if (listener.handle === undefined) return 'own'
    const { policy } = spec()
    return policy === 'kernel' || policy === 'reuseport' ? 'kernel' : 'dispatched'
  }

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
    const errno = typeof listener === 'number' ? listener : accept(listener)
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
    adjust(state, listener)
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

  function reply({ member }: MemberState, listener: Listener, seq: number): void {
    const { key, handle } = listener
    const base = {
      cmd: AGENT_COMMAND,
      act: 'listen-reply',
      seq,
      key,
      ticketKeys: ticketKeys.current(),
    } as const
    const how = howOf(listener)
    if (how === 'shared') member.send({ ...base, how, sockname: nameOf(listener) }, handle)
    else
      member.send({
        ...base,
        how: how === 'own' ? 'own' : 'dispatched',
        sockname: nameOf(listener),
      })
  }

  /** Where nobody accepts yet, or not any more, connections come to the supervisor and wait. */
  function accept(listener: Listener): number {
    // In fork mode they wait in the socket's own queue: the instance is the only one that ever accepts.
    if (mode === 'fork') return 0
    const how = howOf(listener)
    const waits = how === 'kernel' && mode === 'cluster' && !isAcceptedFrom(listener)
    if (how !== 'dispatched' && !waits) return 0
    return startAccepting(listener, (client) => options.onConnection(listener.key, client))
  }

  function isAcceptedFrom({ key }: Listener): boolean {
    return [...members.values()].some(({ accepting }) => accepting.has(key))
  }

  /** Has the member accept by itself, or not any more, as the policy and the rotation want it. */
  function adjust(state: MemberState, listener: Listener): void {
    const { key, handle } = listener
    const how = howOf(listener)
    const wanted =
      (how === 'kernel' || how === 'own') && (isWanted(state) || isFirst(state, listener))
    if (wanted === state.accepting.has(key)) return
    if (!wanted) {
      state.accepting.delete(key)
      state.member.send({ cmd: AGENT_COMMAND, act: 'refrain', key })
      accept(listener)
      return
    }
    state.accepting.add(key)
    // A socket that the supervisor accepts from it cannot but accept from; a copy that comes back it can keep at rest.
    const giveBack = listener.accepting && !isPath(listener) && listener.awaited === undefined
    if (giveBack) listener.awaited = state.id
    state.member.send(
      { cmd: AGENT_COMMAND, act: 'accept', key, ...(giveBack && { giveBack }) },
      handle,
    )
  }

  /** Where nobody accepts and the supervisor cannot, a starting instance does, ready or not: as under plain node. */
  function isFirst(state: MemberState, listener: Listener): boolean {
    const isHelpless = mode === 'fork' || listener.handle === undefined
    return isHelpless && !state.wasInRotation && !isAcceptedFrom(listener)
  }

  function adjustAll(listener: Listener): void {
    for (const id of listener.holders) {
      const state = members.get(id)
      if (state !== undefined) adjust(state, listener)
    }
  }

  /** Sockets of the instances' own: one becomes the supervisor's, the others go. */
  function collectSocket(listener: Listener): void {
    if (listener.awaited !== undefined) return
    const holders = [...listener.holders].flatMap((id) => members.get(id) ?? [])
    const giver = holders.find((state) => state.accepting.has(listener.key)) ?? holders[0]
    if (giver === undefined) return
    listener.awaited = giver.id
    giver.accepting.add(listener.key)
    giver.member.send({ cmd: AGENT_COMMAND, act: 'accept', key: listener.key, giveBack: true })
  }

  function rebind(listener: Listener): void {
    listeners.close(listener)
    const fresh = listeners.open(listener.query)
    if (typeof fresh === 'number') return
    for (const id of listener.holders) fresh.holders.add(id)
    accept(fresh)
    for (const state of members.values()) {
      if (!state.accepting.delete(fresh.key)) continue
      state.member.send({ cmd: AGENT_COMMAND, act: 'refrain', key: fresh.key })
      adjust(state, fresh)
    }
  }

  function close(listener: Listener): void {
    listeners.close(listener)
    for (const state of members.values()) state.accepting.delete(listener.key)
    options.onListenerClosed(listener.key)
  }

  function updateMode(listener: Listener): void {
    if (howOf(listener) === 'own' && spec().policy !== 'reuseport') {
      collectSocket(listener)
      return
    }
    accept(listener)
    adjustAll(listener)
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
      const listener = listeners.get(key)
      if (listener === undefined || handle === undefined || listener.awaited !== state.id) {
        ;(handle as ListenHandle | undefined)?.close()
        return
      }
      listener.awaited = undefined
      listener.handle?.close()
      listener.handle = handle as ListenHandle
      listener.accepting = false
      updateMode(listener)
    },
    closedBy(state, key) {
      state.listeners.delete(key)
      state.accepting.delete(key)
      const listener = listeners.get(key)
      if (listener === undefined) return
      listener.holders.delete(state.id)
      // An instance that leaves closes its servers, and its replacement wants the socket. One that stays means it.
      const leaving = state.wasInRotation && !state.inRotation
      if (listener.holders.size === 0 && !leaving) close(listener)
    },
    rotationChanged(state) {
      for (const key of state.listeners) {
        const listener = listeners.get(key)
        if (listener !== undefined) adjust(state, listener)
      }
    },
    policyChanged() {
      for (const listener of listeners.all()) updateMode(listener)
    },
    forget(memberId) {
      for (const listener of listeners.all()) {
        if (!listener.holders.delete(memberId)) continue
        if (listener.awaited === memberId) listener.awaited = undefined
        updateMode(listener)
      }
    },
    all: () =>
      [...listeners.all()].flatMap(({ query, handle }) =>
        handle === undefined ? [] : [{ query, handle }],
      ),
    inherit: (query, handle) => void listeners.adopt(query, handle as ListenHandle),
    restoreFiles() {
      for (const listener of listeners.all()) if (hasLostItsFile(listener)) rebind(listener)
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
