/** Tells a process that hangs from one that is busy, stopped, starved or waiting. Pure. */

import type { Monotonic } from '../../../../src/contract/units.ts'

/** Reports come each second; one that is a second late has its process taken out of rotation. */
export const LATE_MS = 2000
/** While it is late it is looked at this often. */
export const LOOK_MS = 250
/** A verdict needs this much of looking. */
const MIN_LOOKING_MS = 1000
/** Share of the time that the event loop's thread must have had on a CPU to be called hung. */
const BURNING = 0.5
/** Below this share it does not even try to run. */
const IDLE = 0.1
/** The watch itself came so much later than it wanted: the whole machine was held up. */
export const HELD_UP_MS = 500

export interface Looking {
  /** When it began to be late, and what it had used by then. */
  sinceMs: Monotonic
  cpuMs: number
}

export interface Look {
  now: Monotonic
  lastReportMs: Monotonic
  state: string
  cpuMs: number
}

export type HangVerdict =
  /** Late, but it is too early to say why. */
  | 'late'
  /** By a signal or a debugger. */
  | 'stopped'
  /** In a call that blocks: no CPU used, none wanted. */
  | 'waiting'
  /** Wants to run, gets no CPU. */
  | 'starved'
  /** Burns CPU and does not come round to its event loop. */
  | 'hung'

/**
 * A healthy process that is starved needs a millisecond of CPU to report; one that has used seconds of it since its
 * last report hangs, however long those took to get.
 * @param hangTimeoutMs 0: never hung
 */
export function judge(looking: Looking, look: Look, hangTimeoutMs: number): HangVerdict {
  const lookedMs = look.now - looking.sinceMs
  const usedMs = look.cpuMs - looking.cpuMs
  if (look.state === 'T' || look.state === 't') return 'stopped'
  const silentMs = look.now - look.lastReportMs
  const lateFromMs = looking.sinceMs - look.lastReportMs
  const wantedMs = BURNING * Math.max(hangTimeoutMs - lateFromMs, MIN_LOOKING_MS)
  const isTimeUp = hangTimeoutMs > 0 && silentMs >= hangTimeoutMs && lookedMs >= MIN_LOOKING_MS
  if (isTimeUp && usedMs >= wantedMs) return 'hung'
  if (lookedMs < MIN_LOOKING_MS || usedMs >= BURNING * lookedMs) return 'late'
  if (look.state === 'R') return 'starved'
  return usedMs < IDLE * lookedMs ? 'waiting' : 'late'
}
