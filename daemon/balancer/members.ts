/** What the balancer knows of each process that may get connections. */

import type { FromAgent } from '../../src/contract/agent.ts'
import type { Monotonic } from '../../src/contract/units.ts'
import { after } from '../kernel/clock.ts'
import type { Candidate } from './policies/policy.ts'
import type { Member } from './port.ts'

/**
 * One hand-over is under way at most: whoever is blocked then holds up one connection, the rest wait for whoever is free.
 * Node's own round robin does the same.
 */
const MAX_UNACKNOWLEDGED = 1
/** Longer than a collection of garbage takes, shorter than people notice. */
const PATIENCE_MS = 300

export interface MemberState extends Candidate {
  readonly member: Member
  readonly id: number
  number: number
  isSpare: boolean
  connections: number
  loopUtilisation: number
  loopDelayMs: number
  /** Hand-overs without an answer yet. */
  unacknowledged: number
  handedOverAtMs: Monotonic
  /** Connections that are kept for it until it has answered. */
  reserved: number
  inRotation: boolean
  /** It has been in rotation: when it is not any more, it is leaving or unready. */
  wasInRotation: boolean
  /** Out of rotation for a while, since it failed. */
  ejected: boolean
  ejections: number
  /** Failed connections in a row. */
  failures: number
  /** Keys of its listeners. */
  readonly listeners: Set<string>
  /** Keys of listeners that refused a connection (`maxConnections`) a moment ago. */
  readonly full: Set<string>
  /** Keys of listeners that it accepts from by itself. */
  readonly accepting: Set<string>
  accepted: number
  acceptedPerSecond: number
  /** `accepted` when somebody last came into the rotation or left it. */
  acceptedBefore: number
  /** `accepted` at the time of the last report. */
  reported: { accepted: number; atMs: Monotonic }
}

export function createMember(member: Member, nowMs: Monotonic): MemberState {
  return {
    member,
    id: member.id,
    number: member.number,
    isSpare: member.isSpare === true,
    connections: 0,
    loopUtilisation: 0,
    loopDelayMs: 0,
    unacknowledged: 0,
    handedOverAtMs: nowMs,
    reserved: 0,
    inRotation: false,
    wasInRotation: false,
    ejected: false,
    ejections: 0,
    failures: 0,
    listeners: new Set(),
    full: new Set(),
    accepting: new Set(),
    accepted: 0,
    acceptedPerSecond: 0,
    acceptedBefore: 0,
    reported: { accepted: 0, atMs: nowMs },
  }
}

export function isWanted(state: MemberState): boolean {
  return state.inRotation && !state.ejected
}

/** It could be given a connection of this listener, now or when it has acknowledged the last one. */
export function takesPart(state: MemberState, key: string): boolean {
  return isWanted(state) && state.listeners.has(key)
}

export function isFree(state: MemberState, key: string): boolean {
  return state.unacknowledged < MAX_UNACKNOWLEDGED && !state.full.has(key)
}

export function freeOnes(members: ReadonlyMap<number, MemberState>, key: string): MemberState[] {
  const free: MemberState[] = []
  for (const member of members.values()) {
    if (takesPart(member, key) && isFree(member, key)) free.push(member)
  }
  return free
}

/** Its event loop has not turned for so long that a client need not wait for it. */
export function isBlocked(
  { unacknowledged, handedOverAtMs }: MemberState,
  nowMs: Monotonic,
): boolean {
  return unacknowledged > 0 && nowMs - handedOverAtMs >= PATIENCE_MS
}

/** When that will be, if nothing is heard of it. */
export function blockedAtMs({ handedOverAtMs }: MemberState): Monotonic {
  return after(handedOverAtMs, PATIENCE_MS)
}

export function countHandover(state: MemberState, nowMs: Monotonic): void {
  state.unacknowledged += 1
  state.handedOverAtMs = nowMs
  state.connections += 1
}

/** @param open the instance's own count with this connection in it, where it tells */
export function countAnswer(state: MemberState, accepted: boolean, open: number | undefined): void {
  state.unacknowledged = Math.max(0, state.unacknowledged - 1)
  if (accepted) {
    state.accepted += 1
    state.failures = 0
    if (open !== undefined) state.connections = open + state.unacknowledged + state.reserved
  } else {
    state.connections = Math.max(0, state.connections - 1)
  }
}

/** Absolute figures heal whatever was miscounted. */
export function takeReport(
  state: MemberState,
  report: FromAgent & { act: 'report' },
  nowMs: Monotonic,
): void {
  state.connections = report.openConnections + state.unacknowledged + state.reserved
  state.loopUtilisation = report.loopUtilisation
  state.loopDelayMs = report.loopDelayMs
  // What it accepted from a shared socket is known to it alone.
  state.accepted = Math.max(state.accepted, report.accepted)
  const { accepted, atMs } = state.reported
  const elapsedMs = nowMs - atMs
  if (elapsedMs > 0)
    state.acceptedPerSecond = Math.round(((state.accepted - accepted) * 10_000) / elapsedMs) / 10
  state.reported = { accepted: state.accepted, atMs: nowMs }
}
