/** What the balancer knows of each process that may get connections. */

import type { FromAgent } from '../../src/contract/agent.ts'
import type { Monotonic } from '../../src/contract/units.ts'
import type { Candidate } from './policies/policy.ts'
import type { Member } from './port.ts'

/**
 * One hand-over is under way at most: whoever is blocked then holds up one connection, the rest wait for whoever is free.
 * Node's own round robin does the same.
 */
const MAX_UNACKNOWLEDGED = 1

export interface MemberState extends Candidate {
  readonly member: Member
  readonly id: number
  readonly number: number
  connections: number
  loopUtilisation: number
  loopDelayMs: number
  /** Hand-overs without an answer yet. */
  unacknowledged: number
  inRotation: boolean
  /** It has been in rotation: when it is not any more, it is leaving or unready. */
  wasInRotation: boolean
  /** Keys of its listeners. */
  readonly listeners: Set<string>
  /** Keys of listeners that refused a connection (`maxConnections`) a moment ago. */
  readonly full: Set<string>
  accepted: number
  rate: RateMeter
}

interface RateMeter {
  sinceMs: Monotonic
  count: number
  perSecond: number
}

export function createMember(member: Member, nowMs: Monotonic): MemberState {
  return {
    member,
    id: member.id,
    number: member.number,
    connections: 0,
    loopUtilisation: 0,
    loopDelayMs: 0,
    unacknowledged: 0,
    inRotation: false,
    wasInRotation: false,
    listeners: new Set(),
    full: new Set(),
    accepted: 0,
    rate: { sinceMs: nowMs, count: 0, perSecond: 0 },
  }
}

/** It could be given a connection of this listener, now or when it has acknowledged the last one. */
export function takesPart(state: MemberState, key: string): boolean {
  return state.inRotation && state.listeners.has(key)
}

export function isFree(state: MemberState, key: string): boolean {
  return state.unacknowledged < MAX_UNACKNOWLEDGED && !state.full.has(key)
}

export function countHandover(state: MemberState): void {
  state.unacknowledged += 1
  state.connections += 1
}

/** @param open the instance's own count with this connection in it, where it tells */
export function countAnswer(state: MemberState, accepted: boolean, open: number | undefined): void {
  state.unacknowledged = Math.max(0, state.unacknowledged - 1)
  if (accepted) {
    state.accepted += 1
    state.rate.count += 1
    if (open !== undefined) state.connections = open + state.unacknowledged
  } else {
    state.connections = Math.max(0, state.connections - 1)
  }
}

/** Absolute figures heal whatever was miscounted. */
export function takeReport(state: MemberState, report: FromAgent & { act: 'report' }): void {
  state.connections = report.openConnections + state.unacknowledged
  state.loopUtilisation = report.loopUtilisation
  state.loopDelayMs = report.loopDelayMs
  state.full.clear()
}

/** Accepted per second over the last whole window, which a reader closes. */
export function acceptedPerSecond(state: MemberState, nowMs: Monotonic): number {
  const { rate } = state
  const elapsedMs = nowMs - rate.sinceMs
  if (elapsedMs >= RATE_WINDOW_MS) {
    rate.perSecond = Math.round((rate.count * 10_000) / elapsedMs) / 10
    rate.sinceMs = nowMs
    rate.count = 0
  }
  return rate.perSecond
}

const RATE_WINDOW_MS = 1000
