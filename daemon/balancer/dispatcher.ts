/**
 * Hands connections to members. A connection waits (for any member that is free, or for a moment for the one that was
 * chosen), or is handed over (its copy is kept here until the member acknowledges it), or is gone.
 */

import { AGENT_COMMAND } from '../../src/contract/agent.ts'
import { after, type Clock } from '../kernel/clock.ts'
import { chooseOwn, type Seeker } from './affinity.ts'
import {
  blockedAtMs,
  countAnswer,
  countHandover,
  freeOnes,
  isBlocked,
  isFree,
  type MemberState,
  takesPart,
} from './members.ts'
import type { StreamHandle } from './native.ts'
import type { Client, Policy } from './policies/policy.ts'
import { createReserves } from './reserves.ts'
import { createWaitingLine } from './waiting-line.ts'
import { createWaker } from './waker.ts'

/** Memory and descriptors are finite: beyond this the oldest is refused before its time. */
const MAX_WAITING = 10_000
/** How soon an instance that had reached its maxConnections is asked again. */
const ASK_FULL_AGAIN_MS = 50

const ANYONE: Client = { address: '' }

/** So many fewer connections, and this share of them, make a member worth waiting for that is busy for a moment. */
const WORTH_WAITING = 2
const WORTH_WAITING_SHARE = 0.05

export interface Connection extends Seeker {
  readonly id: number
  readonly handle: StreamHandle
  /** Who connects; looked up only where the policy asks. */
  readonly client: () => Client
  /** What was read of it already. */
  readonly read: Buffer | undefined
}

export interface DispatcherOptions {
  clock: Clock
  members: ReadonlyMap<number, MemberState>
  policy: () => Policy
  /** It waited for too long. */
  refuse: (connection: Connection) => void
  /** A hand-over to this member failed. */
  failed: (member: MemberState) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface Dispatcher {
  /** @returns false when it has to wait */
  dispatch(connection: Connection): boolean
  /** Gives what waits to this member, ready or not. */
  claim(memberId: number, key: string, connectionId: number): void
  acknowledge(
    memberId: number,
    connectionId: number,
    accepted: boolean,
    open: number | undefined,
  ): void
  /** The member's event loop turns. */
  reported(memberId: number): void
  /** Somebody may be able to take more: gives out what waits. */
  resume(): void
  /** The member is gone: what it had not acknowledged goes to others, ahead of what waits. */
  forget(member: MemberState): void
  /** Takes out what waits for this listener. */
  withdraw(key: string): Connection[]
  waiting(): number
  redispatched(): number
}

interface HandedOver {
  connection: Connection
  memberId: number
  /** Reports of the member that came in the meantime. */
  reports: number
}

/** A member that reports so often without an acknowledgement never got the handle: it was out of descriptors. */
const MAX_REPORTS = 3

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { clock, members } = options
  const line = createWaitingLine<Connection>()
  const handedOver = new Map<number, HandedOver>()
  const reserves = createReserves<Connection>(clock, (late) => {
    line.pushFirst(late)
    resume()
  })
  const alarm = createWaker(clock, () => {
    for (const connection of line.takeLate(clock.now())) options.refuse(connection)
    setAlarm()
  })
  const askFull = createWaker(clock, () => {
    for (const member of members.values()) member.full.clear()
    resume()
  })
  const seeBlocked = createWaker(clock, () => resume())
  let redispatched = 0

  /** @returns true when somebody got it, or will in a moment */
  function place(connection: Connection): boolean {
    const { key } = connection
    const policy = options.policy()
    const { affinity } = policy
    const chosen = affinity
      ? chooseOwn(connection, members, policy, clock.now())
      : policy.choose(promptOnes(key), ANYONE)
    if (chosen !== undefined && isFree(chosen, key)) {
      handOver(connection, chosen)
      return true
    }
    if (chosen !== undefined && !affinity) {
      reserves.add(chosen, connection)
      return true
    }
    if (chosen !== undefined && chosen.unacknowledged > 0 && !isBlocked(chosen, clock.now()))
      seeBlocked.by(blockedAtMs(chosen))
    for (const member of members.values())
      if (member.full.has(key)) askFull.by(after(clock.now(), ASK_FULL_AGAIN_MS))
    return false
  }

  /** Those that are free, and those for which it is worth to wait a moment. */
  function promptOnes(key: string): MemberState[] {
    const prompt = freeOnes(members, key)
    const { strict } = options.policy()
    if (prompt.length === 0 && !strict) return prompt
    const fewest = Math.min(...prompt.map(({ connections }) => connections))
    const limit = strict
      ? Number.POSITIVE_INFINITY
      : fewest - Math.max(WORTH_WAITING, fewest * WORTH_WAITING_SHARE)
    for (const member of members.values()) {
      if (member.connections > limit || !takesPart(member, key) || member.full.has(key)) continue
      if (reserves.mayTake(member)) prompt.push(member)
    }
    return prompt
  }

  function handOver(connection: Connection, to: MemberState): void {
    const { id, key, handle, read } = connection
    // Before sending: the answer may come in this same tick.
    handedOver.set(id, { connection, memberId: to.id, reports: 0 })
    countHandover(to, clock.now())
    const message = { cmd: AGENT_COMMAND, act: 'connection', id, key } as const
    to.member.send(
      read === undefined ? message : { ...message, data: read.toString('base64') },
      handle,
      (error) => {
        if (error !== null && error !== undefined) failed(id, to.id)
      },
    )
  }

  /** What was kept for a member that has answered. */
  function goOn(member: MemberState): void {
    const next = reserves.next(member)
    if (next === undefined) return
    if (takesPart(member, next.key) && isFree(member, next.key)) handOver(next, member)
    else line.pushFirst([next, ...reserves.release(member)])
  }

  function failed(id: number, memberId: number): void {
    const entry = handedOver.get(id)
    if (entry?.memberId !== memberId) return
    const member = members.get(memberId)
    if (member !== undefined) {
      countAnswer(member, false, undefined)
      // Not at once again: the channel is broken, and the member will be gone in a moment.
      member.full.add(entry.connection.key)
      line.pushFirst(reserves.release(member))
      options.failed(member)
    }
    takeBack([entry])
    resume()
  }

  function takeBack(entries: readonly HandedOver[]): void {
    for (const { connection } of entries) handedOver.delete(connection.id)
    line.pushFirst(entries.map(({ connection }) => connection))
    redispatched += entries.length
  }

  function resume(): void {
    if (line.size() === 0) return
    const { affinity } = options.policy()
    // Without affinity, what the oldest cannot have the younger cannot have either.
    for (const key of line.keys()) line.offer(key, place, affinity)
    setAlarm()
  }

  function setAlarm(): void {
    const next = line.nextDeadline()
    if (next !== undefined) alarm.by(next)
  }

  return {
    dispatch(connection) {
      const { affinity } = options.policy()
      if ((affinity || line.isEmpty(connection.key)) && place(connection)) return true
      line.push(connection)
      if (line.size() > MAX_WAITING) {
        const oldest = line.takeFromLongest()
        if (oldest !== undefined) options.refuse(oldest)
      }
      setAlarm()
      return false
    },
    claim(memberId, key, connectionId) {
      const member = members.get(memberId)
      if (member === undefined || !member.listeners.has(key)) return
      const connection = line.take(key, ({ id }) => id === connectionId)
      if (connection !== undefined) handOver(connection, member)
    },
    acknowledge(memberId, connectionId, accepted, open) {
      const entry = handedOver.get(connectionId)
      if (entry?.memberId !== memberId) return
      handedOver.delete(connectionId)
      const { connection } = entry
      const member = members.get(memberId)
      if (member !== undefined) countAnswer(member, accepted, open)
      if (accepted) {
        connection.handle.close()
        if (member !== undefined) goOn(member)
      } else {
        member?.full.add(connection.key)
        line.pushFirst(
          member === undefined ? [connection] : [connection, ...reserves.release(member)],
        )
      }
      resume()
    },
    reported(memberId) {
      const member = members.get(memberId)
      if (member === undefined) return
      member.full.clear()
      const lost = [...handedOver.values()].filter((entry) => {
        if (entry.memberId !== memberId) return false
        entry.reports += 1
        return entry.reports >= MAX_REPORTS
      })
      for (const _ of lost) {
        countAnswer(member, false, undefined)
        options.failed(member)
      }
      takeBack(lost)
      resume()
    },
    resume,
    forget(member) {
      const memberId = member.id
      line.pushFirst(reserves.release(member))
      const orphans = [...handedOver.values()].filter((entry) => entry.memberId === memberId)
      if (orphans.length > 0)
        options.log('balance.redispatched', { memberId, connections: orphans.length })
      takeBack(orphans)
      resume()
    },
    withdraw: (key) => [
      ...reserves.withdraw((connection) => connection.key === key),
      ...line.takeAll(key),
    ],
    waiting: () => line.size() + reserves.size(),
    redispatched: () => redispatched,
  }
}
