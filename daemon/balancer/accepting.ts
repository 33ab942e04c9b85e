/**
 * Who accepts from which socket. `dispatched`: the supervisor, which hands connections out. `kernel` (and fork
 * mode): the instances in rotation, from the supervisor's socket. `own`: they again, each from a socket of its own.
 * `shared` (UDP): every instance from the moment it listens.
 */

import { AGENT_COMMAND } from '../../src/contract/agent.ts'
import type { BalanceSpec, Mode } from '../../src/contract/app.ts'
import { isPath, type Listener, startAccepting, startAcceptingMore } from './listeners.ts'
import { isWanted, type MemberState } from './members.ts'
import type { ListenHandle, StreamHandle } from './native.ts'
import type { NativeHandle } from './port.ts'

export type How = 'dispatched' | 'kernel' | 'own' | 'shared'

export interface AcceptingOptions {
  mode: Mode
  spec: () => BalanceSpec
  members: ReadonlyMap<number, MemberState>
  onConnection: (key: string, client: StreamHandle) => void
}

export interface Accepting {
  howOf(listener: Listener): How
  /** Where nobody accepts yet, or not any more, connections come to the supervisor and wait. @returns 0 or a negative errno */
  begin(listener: Listener): number
  /** Whether a member that has just been told of the listener is to accept at once; it counts as accepting then. */
  beginsWith(state: MemberState, listener: Listener): boolean
  /** Has the member accept by itself, or not any more, as the policy and the rotation want it. */
  adjust(state: MemberState, listener: Listener): void
  /** The same for all, after the policy changed or somebody went. */
  update(listener: Listener): void
  /** A member sent the socket that it was asked for. */
  returned(state: MemberState, listener: Listener | undefined, handle: NativeHandle): void
}

export function createAccepting({
  mode,
  spec,
  members,
  onConnection,
}: AcceptingOptions): Accepting {
  function howOf(listener: Listener): How {
    if (listener.udp) return 'shared'
    if (mode === 'fork') return 'kernel'
    if (listener.handle === undefined) return 'own'
    const { policy } = spec()
    return policy === 'kernel' || policy === 'reuseport' ? 'kernel' : 'dispatched'
  }

  function begin(listener: Listener): number {
    const how = howOf(listener)
    // In fork mode they wait in the socket's own queue: only an instance ever accepts.
    const waits = how === 'kernel' && mode === 'cluster' && !isAcceptedFrom(listener)
    const take = (client: StreamHandle): void => onConnection(listener.key, client)
    startAcceptingMore(listener, take)
    if (how !== 'dispatched' && !waits) return 0
    return startAccepting(listener, take)
  }

  function isAcceptedFrom({ key }: Listener, but?: MemberState): boolean {
    return [...members.values()].some((state) => state !== but && state.accepting.has(key))
  }

  function shouldAccept(state: MemberState, listener: Listener): boolean {
    const how = howOf(listener)
    return (how === 'kernel' || how === 'own') && (isWanted(state) || isFirst(state, listener))
  }

  /** Where nobody accepts and the supervisor cannot, a starting instance does, ready or not: as under plain node. */
  function isFirst(state: MemberState, listener: Listener): boolean {
    const isHelpless = mode === 'fork' || listener.handle === undefined
    return (
      isHelpless &&
      !listener.hasPredecessor &&
      !state.isSpare &&
      !state.wasInRotation &&
      !isAcceptedFrom(listener, state)
    )
  }

  function adjust(state: MemberState, listener: Listener): void {
    const { key, handle, collecting } = listener
    // It is on its way to send its socket, from which it must not let go before.
    if (collecting.has(state.id)) return
    const wanted = shouldAccept(state, listener)
    if (wanted === state.accepting.has(key)) return
    if (!wanted) {
      state.accepting.delete(key)
      state.member.send({ cmd: AGENT_COMMAND, act: 'refrain', key })
      begin(listener)
      return
    }
    state.accepting.add(key)
    // A socket that the supervisor accepts from it cannot but accept from; a copy that comes back it can keep at rest.
    const giveBack = listener.accepting && !isPath(listener) && listener.awaited === undefined
    if (giveBack) listener.awaited = state.id
    const message = { cmd: AGENT_COMMAND, act: 'accept', key } as const
    state.member.send(giveBack ? { ...message, giveBack } : message, handle)
  }

  /** Sockets of the instances' own become the supervisor's. */
  function collectSockets({ key, holders, collecting }: Listener): void {
    if (collecting.size > 0) return
    const held = [...holders]
      .flatMap((id) => members.get(id) ?? [])
      .filter(({ isSpare }) => !isSpare)
    const using = held.filter((state) => state.accepting.has(key))
    for (const state of using.length > 0 ? using : held.slice(0, 1)) {
      collecting.add(state.id)
      state.accepting.add(key)
      state.member.send({ cmd: AGENT_COMMAND, act: 'accept', key, giveBack: true })
    }
  }

  /** @returns false for one that nobody asked for */
  function keep(state: MemberState, listener: Listener, handle: ListenHandle): boolean {
    if (listener.collecting.delete(state.id)) {
      if (listener.handle === undefined) listener.handle = handle
      else listener.more.push({ handle, accepting: false })
      return true
    }
    if (listener.awaited !== state.id) return false
    listener.awaited = undefined
    listener.handle?.close()
    listener.handle = handle
    listener.accepting = false
    return true
  }

  function update(listener: Listener): void {
    if (howOf(listener) === 'own' && spec().policy !== 'reuseport') {
      collectSockets(listener)
      return
    }
    begin(listener)
    for (const id of listener.holders) {
      const state = members.get(id)
      if (state !== undefined) adjust(state, listener)
    }
  }

  return {
    howOf,
    begin,
    beginsWith(state, listener) {
      if (listener.accepting || !shouldAccept(state, listener)) return false
      state.accepting.add(listener.key)
      return true
    },
    adjust,
    update,
    returned(state, listener, handle) {
      if (listener !== undefined && keep(state, listener, handle as ListenHandle)) update(listener)
      else (handle as ListenHandle).close()
    },
  }
}
