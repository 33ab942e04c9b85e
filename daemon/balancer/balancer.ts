/** Puts listeners, members, policy and dispatcher of one app together behind the port. */

import { AGENT_COMMAND } from '../../src/contract/agent.ts'
import type { ListeningAt } from '../../src/contract/instance.ts'
import { after } from '../kernel/clock.ts'
import { type Connection, createDispatcher } from './dispatcher.ts'
import { createListening } from './listening.ts'
import { createMember, type MemberState, takeReport } from './members.ts'
import { peerAddress, type StreamHandle } from './native.ts'
import { watchOutliers } from './outliers.ts'
import { peek } from './peek.ts'
import { choosePolicy } from './policies/choose-policy.ts'
import type { Client } from './policies/policy.ts'
import type { Balancer, BalancerOptions } from './port.ts'
import { refuse, reset } from './refusal.ts'
import { askWhoseCall } from './self-calls.ts'
import { createTicketKeys } from './ticket-keys.ts'

export function createBalancer(options: BalancerOptions): Balancer {
  const { mode, clock, random, log } = options
  let { spec } = options
  let policy = choosePolicy(spec, random)
  const members = new Map<number, MemberState>()
  let lastConnectionId = 0
  let refused = 0

  const ticketKeys = createTicketKeys(clock, (keys) => {
    for (const { member } of members.values())
      member.send({ cmd: AGENT_COMMAND, act: 'ticket-keys', ticketKeys: keys })
  })
  const outliers = watchOutliers({
    clock,
    members,
    changed(state) {
      countSharesAnew()
      listening.rotationChanged(state)
      dispatcher.resume()
    },
    log,
  })
  const dispatcher = createDispatcher({
    clock,
    members,
    policy: () => policy,
    refuse: turnAway,
    failed: (state) => outliers.failed(state),
    log,
  })
  const listening = createListening({
    mode,
    clock,
    spec: () => spec,
    members,
    ticketKeys,
    onBindFailed: options.onBindFailed,
    onConnection: takeIn,
    onListenerClosed(key) {
      for (const { handle } of dispatcher.withdraw(key)) reset(handle)
    },
    log,
  })

  /** One that comes later has no share of what was before. */
  function countSharesAnew(): void {
    for (const state of members.values()) state.acceptedBefore = state.accepted
  }

  function takeIn(key: string, handle: StreamHandle): void {
    const mustRead = spec.policy === 'sticky' || (spec.policy === 'ip-hash' && spec.proxyProtocol)
    if (mustRead) {
      peek(handle, peerAddress(handle), spec, clock, ({ client, read }) =>
        dispatch(key, handle, () => client, read),
      )
      return
    }
    let client: Client | undefined
    // A system call, for what most policies do not look at.
    dispatch(key, handle, () => (client ??= { address: peerAddress(handle) }), undefined)
  }

  function dispatch(
    key: string,
    handle: StreamHandle,
    client: () => Client,
    read: Buffer | undefined,
  ): void {
    lastConnectionId += 1
    const id = lastConnectionId
    const waitMs = spec.queueTimeoutMs
    const deadlineMs = after(clock.now(), waitMs)
    const isPlaced = dispatcher.dispatch({ id, key, handle, client, read, deadlineMs, waitMs })
    if (!isPlaced) askWhoseCall(members, key, id, handle)
  }

  function turnAway({ handle, read }: Connection): void {
    refused += 1
    log('balance.refused', { refused })
    refuse(handle, read, clock)
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
          listening.listen(state, message)
          dispatcher.resume()
          break
        case 'offer':
          listening.offered(state, message, handle)
          break
        case 'returned':
          listening.returned(state, message.key, handle)
          break
        case 'listening':
          options.onListening(memberId, placeOf(message))
          break
        case 'closed':
          options.onClosed(memberId, placeOf(message))
          break
        case 'close':
          listening.closedBy(state, message.key)
          break
        case 'ack':
          dispatcher.acknowledge(memberId, message.id, message.accepted, message.open)
          break
        case 'mine':
          dispatcher.claim(memberId, message.key, message.id)
          break
        case 'failing':
          outliers.failed(state, message.closed)
          break
        case 'report':
          takeReport(state, message, clock.now())
          dispatcher.reported(memberId)
          break
        default:
      }
    },
    setInRotation(memberId, inRotation) {
      const state = members.get(memberId)
      if (state === undefined) return
      state.inRotation = inRotation
      state.wasInRotation ||= inRotation
      countSharesAnew()
      listening.rotationChanged(state)
      dispatcher.resume()
    },
    enlist(memberId, number) {
      const state = members.get(memberId)
      if (state !== undefined) Object.assign(state, { number, isSpare: false })
    },
    detach(memberId) {
      const state = members.get(memberId)
      if (state === undefined) return
      members.delete(memberId)
      countSharesAnew()
      listening.forget(memberId)
      dispatcher.forget(state)
    },
    setSpec(next) {
      const changes = JSON.stringify(next) !== JSON.stringify(spec)
      spec = next
      if (!changes) return
      policy = choosePolicy(spec, random)
      countSharesAnew()
      listening.policyChanged()
      dispatcher.resume()
    },
    statsOf(memberId) {
      const state = members.get(memberId)
      if (state === undefined) return undefined
      return {
        policy: spec.policy,
        openConnections: state.connections,
        accepted: state.accepted,
        acceptedPerSecond: state.acceptedPerSecond,
        acceptedTogether: state.accepted - state.acceptedBefore,
        inRotation: state.inRotation && !state.ejected,
        loopUtilisation: state.loopUtilisation,
        loopDelayMs: state.loopDelayMs,
      }
    },
    counters: () => ({
      waiting: dispatcher.waiting(),
      refused,
      redispatched: dispatcher.redispatched(),
    }),
    listeners: () =>
      listening.all().map((listener) => ({ ...listener, ticketKeys: ticketKeys.current() })),
    inherit({ query, handle, ticketKeys: inherited }) {
      if (inherited !== undefined) ticketKeys.inherit(inherited)
      listening.inherit(query, handle)
    },
    restoreFiles: () => listening.restoreFiles(),
    sweep: () => listening.sweep(),
    release() {
      listening.release()
      ticketKeys.release()
      outliers.release()
    },
  }
}

function placeOf({ address, port, protocol, random }: Place): ListeningAt {
  const place = { address: protocol === 'udp' ? `udp:${address}` : address, port }
  return random === true ? { ...place, random } : place
}

type Place = Pick<ListeningAt, 'address' | 'port' | 'random'> & { protocol?: 'udp' }
