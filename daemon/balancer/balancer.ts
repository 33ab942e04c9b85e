/** Puts listeners, members and the dispatcher of one app together behind the port. */

import { AGENT_COMMAND, type FromAgent, listenerKey } from '../../src/contract/agent.ts'
import { after } from '../kernel/clock.ts'
import { createDispatcher } from './dispatcher.ts'
import { createListeners, type Listener, startAccepting } from './listeners.ts'
import { acceptedPerSecond, createMember, type MemberState, takeReport } from './members.ts'
import { EADDRINUSE, type ListenHandle, peerAddress, type StreamHandle } from './native.ts'
import { leastConnections } from './policies/least-connections.ts'
import type { Balancer, BalancerOptions, NativeHandle } from './port.ts'
import { refuse, reset } from './refusal.ts'

const OFFER_MS = 100

export function createBalancer(options: BalancerOptions): Balancer {
  const { mode, clock, log } = options
  let { spec } = options
  const policy = leastConnections()
  const members = new Map<number, MemberState>()
  const listeners = createListeners()
  let lastConnectionId = 0
  let refused = 0

  const dispatcher = createDispatcher({
    clock,
    members,
    policy: () => policy,
    refuse({ handle, read }) {
      refused += 1
      log('balance.refused', { refused })
      refuse(handle, read, clock)
    },
    log,
  })

  function takeConnection(key: string, handle: StreamHandle): void {
    lastConnectionId += 1
    dispatcher.dispatch({
      id: lastConnectionId,
      key,
      handle,
      client: { address: peerAddress(handle) },
      read: undefined,
      deadlineMs: after(clock.now(), spec.queueTimeoutMs),
    })
  }

  function listen(
    state: MemberState,
    message: FromAgent & { act: 'listen' },
    isSecondTry = false,
  ): void {
    const { seq, query } = message
    const key = listenerKey(query)
    const known = listeners.get(key) !== undefined
    const listener = listeners.open(query)
    const dispatched = mode === 'cluster' && typeof listener !== 'number' && !listener.udp
    const errno =
      typeof listener === 'number'
        ? listener
        : dispatched
          ? startAccepting(listener, (client) => takeConnection(key, client))
          : 0
    if (mode === 'fork' && errno === EADDRINUSE && !isSecondTry) {
      // Another instance has bound it a moment ago, and its offer may be on the way.
      clock.at(
        after(clock.now(), OFFER_MS),
        () => members.has(state.id) && listen(state, message, true),
      )
      return
    }
    if (typeof listener === 'number' || errno !== 0) {
      if (typeof listener !== 'number' && !known) listeners.close(listener)
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
    const reply = {
      cmd: AGENT_COMMAND,
      act: 'listen-reply',
      seq,
      key,
      sockname: nameOf(listener),
    } as const
    if (dispatched) state.member.send({ ...reply, how: 'dispatched' })
    else state.member.send({ ...reply, how: 'shared' }, listener.handle)
    dispatcher.resume()
  }

  /** Fork mode: the instance has bound by itself. */
  function keep(
    state: MemberState,
    { seq, query }: FromAgent & { act: 'offer' },
    handle: NativeHandle | undefined,
  ): void {
    if (handle === undefined) return
    const listener = listeners.adopt(query, handle as ListenHandle)
    listener.holders.add(state.id)
    state.listeners.add(listener.key)
    state.member.send({
      cmd: AGENT_COMMAND,
      act: 'listen-reply',
      seq,
      key: listener.key,
      how: 'own',
    })
  }

  function giveUp(state: MemberState, key: string): void {
    state.listeners.delete(key)
    const listener = listeners.get(key)
    if (listener === undefined) return
    listener.holders.delete(state.id)
    // An instance that leaves closes its servers, and its replacement wants the socket. One that stays means it.
    const leaving = state.wasInRotation && !state.inRotation
    if (listener.holders.size === 0 && !leaving) closeListener(listener)
  }

  function closeListener(listener: Listener): void {
    listeners.close(listener)
    for (const { handle } of dispatcher.withdraw(listener.key)) reset(handle)
  }

  return {
    attach(member) {
      members.set(member.id, createMember(member, clock.now()))
    },
    receive(memberId, message, handle) {
      const state = members.get(memberId)
      if (state === undefined) return
      switch (message.act) {
        case 'listen':
          listen(state, message)
          break
        case 'offer':
          keep(state, message, handle)
          break
        case 'listening':
          options.onListening(memberId, { address: message.address, port: message.port })
          break
        case 'closed':
          options.onClosed(memberId, { address: message.address, port: message.port })
          break
        case 'close':
          giveUp(state, message.key)
          break
        case 'ack':
          dispatcher.acknowledge(memberId, message.id, message.accepted, message.open)
          break
        case 'report':
          takeReport(state, message)
          dispatcher.resume()
          break
        default:
      }
    },
    setInRotation(memberId, inRotation) {
      const state = members.get(memberId)
      if (state === undefined) return
      state.inRotation = inRotation
      state.wasInRotation ||= inRotation
      if (inRotation) dispatcher.resume()
    },
    detach(memberId) {
      if (!members.delete(memberId)) return
      for (const listener of listeners.all()) listener.holders.delete(memberId)
      dispatcher.forget(memberId)
    },
    setSpec(next) {
      spec = next
    },
    statsOf(memberId) {
      const state = members.get(memberId)
      if (state === undefined) return undefined
      return {
        policy: spec.policy,
        openConnections: state.connections,
        accepted: state.accepted,
        acceptedPerSecond: acceptedPerSecond(state, clock.now()),
        inRotation: state.inRotation,
        loopUtilisation: state.loopUtilisation,
        loopDelayMs: state.loopDelayMs,
      }
    },
    sweep() {
      for (const listener of [...listeners.all()]) {
        if (listener.holders.size === 0) closeListener(listener)
      }
    },
    release() {
      for (const listener of [...listeners.all()]) closeListener(listener)
    },
  }
}

function nameOf({ sockname, query }: Listener): { address: string; port: number; family?: string } {
  const { address = query.address ?? '', port = query.port, family } = sockname
  return family === undefined ? { address, port } : { address, port, family }
}
