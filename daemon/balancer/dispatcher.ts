/**
 * Hands connections to members. A connection is waiting (for a member that is free), or handed over (its copy is kept
 * here until the member acknowledges it), or gone.
 */

import { AGENT_COMMAND } from '../../src/contract/agent.ts'
import type { Monotonic } from '../../src/contract/units.ts'
import { after, type Clock } from '../kernel/clock.ts'
import { countAnswer, countHandover, isFree, type MemberState, takesPart } from './members.ts'
import type { StreamHandle } from './native.ts'
import type { Client, Policy } from './policies/policy.ts'
import { createWaitingLine } from './waiting-line.ts'

/** Memory and descriptors are finite: beyond this the oldest is refused before its time. */
const MAX_WAITING = 10_000
/** How soon an instance that had reached its maxConnections is asked again. */
const ASK_FULL_AGAIN_MS = 50

export interface Connection {
  readonly id: number
  readonly key: string
  readonly handle: StreamHandle
  readonly client: Client
  /** What was read of it already. */
  readonly read: Buffer | undefined
  readonly deadlineMs: Monotonic
}

export interface DispatcherOptions {
  clock: Clock
  members: ReadonlyMap<number, MemberState>
  policy: () => Policy
  /** It waited for too long. */
  refuse: (connection: Connection) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface Dispatcher {
  dispatch(connection: Connection): void
  acknowledge(
    memberId: number,
    connectionId: number,
    accepted: boolean,
    open: number | undefined,
  ): void
  /** Somebody may be able to take more: gives out what waits. */
  resume(): void
  /** The member is gone: what it had not acknowledged goes to others, ahead of what waits. */
  forget(memberId: number): void
  /** Takes out what waits for this listener. */
  withdraw(key: string): Connection[]
  waiting(): number
}

interface HandedOver {
  connection: Connection
  memberId: number
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { clock, members } = options
  const line = createWaitingLine<Connection>()
  const handedOver = new Map<number, HandedOver>()
  let alarm: { timer: Disposable; atMs: Monotonic } | undefined
  let askAgain: Disposable | undefined

  /** @returns true when somebody got it */
  function place(connection: Connection): boolean {
    const { key, client } = connection
    const policy = options.policy()
    const all = [...members.values()].filter((member) => takesPart(member, key))
    const candidates = policy.affinity ? all : all.filter((member) => isFree(member, key))
    const chosen = policy.choose(candidates, client)
    if (chosen === undefined || !isFree(chosen, key)) {
      if (all.some((member) => member.full.has(key))) askFullAgain()
      return false
    }
    handOver(connection, chosen)
    return true
  }

  function handOver(connection: Connection, to: MemberState): void {
    const { id, key, handle, read } = connection
    // Before sending: the answer may come in this same tick.
    handedOver.set(id, { connection, memberId: to.id })
    countHandover(to)
    const message = { cmd: AGENT_COMMAND, act: 'connection', id, key } as const
    to.member.send(
      read === undefined ? message : { ...message, data: read.toString('base64') },
      handle,
      (error) => {
        if (error !== null && error !== undefined) failed(id, to.id)
      },
    )
  }

  function failed(id: number, memberId: number): void {
    const entry = handedOver.get(id)
    if (entry?.memberId !== memberId) return
    handedOver.delete(id)
    const member = members.get(memberId)
    if (member !== undefined) {
      countAnswer(member, false, undefined)
      // Its channel is broken; detach() follows.
      member.inRotation = false
    }
    line.pushFirst([entry.connection])
    resume()
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
    if (next === undefined || (alarm !== undefined && alarm.atMs <= next)) return
    alarm?.timer[Symbol.dispose]()
    alarm = {
      atMs: next,
      timer: clock.at(next, () => {
        alarm = undefined
        for (const connection of line.takeLate(clock.now())) options.refuse(connection)
        setAlarm()
      }),
    }
  }

  function askFullAgain(): void {
    askAgain ??= clock.at(after(clock.now(), ASK_FULL_AGAIN_MS), () => {
      askAgain = undefined
      for (const member of members.values()) member.full.clear()
      resume()
    })
  }

  return {
    dispatch(connection) {
      const { affinity } = options.policy()
      if ((affinity || line.sizeOf(connection.key) === 0) && place(connection)) return
      line.push(connection)
      if (line.size() > MAX_WAITING) {
        const oldest = line.shiftLongest()
        if (oldest !== undefined) options.refuse(oldest)
      }
      setAlarm()
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
      } else {
        member?.full.add(connection.key)
        line.pushFirst([connection])
      }
      resume()
    },
    resume,
    forget(memberId) {
      const orphans: Connection[] = []
      for (const [id, entry] of handedOver) {
        if (entry.memberId !== memberId) continue
        handedOver.delete(id)
        orphans.push(entry.connection)
      }
      if (orphans.length > 0)
        options.log('balance.redispatched', { memberId, connections: orphans.length })
      line.pushFirst(orphans)
      resume()
    },
    withdraw: (key) => line.takeAll(key),
    waiting: () => line.size(),
  }
}
