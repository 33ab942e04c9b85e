/** What a supervisor asks of a balancer, and what it gives it. One balancer an app. */

import type { FromAgent, ListenQuery, ToAgent } from '../../src/contract/agent.ts'
import type { BalanceSpec, Mode } from '../../src/contract/app.ts'
import type { InstanceBalance, ListeningAt } from '../../src/contract/instance.ts'
import type { Clock } from '../kernel/clock.ts'

/** A libuv handle (`TCP`, `Pipe`, `UDP`); only the balancer and the agent look inside. */
export type NativeHandle = object

/** One process that may get connections. A restarted instance is a new member. */
export interface Member {
  /** Unique in the balancer's life. */
  id: number
  /** Instance number, 0 … N−1: key of `weighted` and of rendezvous hashing. */
  number: number
  /** It waits to take a number: it listens, and accepts nothing before `enlist`. */
  isSpare?: boolean
  /** Sends over the IPC channel: `linkToAgent(child)`. `done` is called when it could not be sent. */
  send(message: ToAgent, handle?: NativeHandle, done?: (error: Error | null) => void): void
}

export interface BalancerOptions {
  mode: Mode
  spec: BalanceSpec
  clock: Clock
  random: () => number
  onListening: (memberId: number, at: ListeningAt) => void
  onClosed: (memberId: number, at: ListeningAt) => void
  /** A bind failed; the instance got the errno. */
  onBindFailed: (memberId: number, at: ListeningAt, errno: number) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface BalanceCounters {
  /** Connections that wait for an instance at this moment. */
  waiting: number
  /** Answered with 503 or reset, since no instance could take them in time. */
  refused: number
  /** Handed over, and then to another instance, since the first one died or lost them. */
  redispatched: number
}

/** A listening socket on its way to the successor of a supervisor. */
export interface InheritedListener {
  query: ListenQuery
  handle: NativeHandle
  ticketKeys?: string | undefined
}

export interface Balancer {
  /** The member may ask for listeners from now on; it gets no connection before it is in rotation. */
  attach(member: Member): void
  /** What concerns listening, connections and load; anything else is ignored. `handle` came beside the message. */
  receive(memberId: number, message: FromAgent, handle?: NativeHandle): void
  setInRotation(memberId: number, inRotation: boolean): void
  /** A spare takes a number. */
  enlist(memberId: number, number: number): void
  /** The process or its channel is gone: what it had not acknowledged goes to others. */
  detach(memberId: number): void
  /** Changes the policy while connections come in. */
  setSpec(spec: BalanceSpec): void
  statsOf(memberId: number): InstanceBalance | undefined
  /** Of the app as a whole, since the balancer was made. */
  counters(): BalanceCounters
  listeners(): InheritedListener[]
  /** Takes over the socket of a predecessor, before any member listens. */
  inherit(listener: InheritedListener): void
  /** Binds anew the socket files that went with the predecessor. */
  restoreFiles(): void
  /** Closes listeners that no member holds any more; called when a replacement is ready. */
  sweep(): void
  /** Closes every listener; the app is stopped. Members may attach and listen again later. */
  release(): void
}
