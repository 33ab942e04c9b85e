/** When an instance has outgrown its memory, and how soon to look again. Pure. */

import type { Monotonic } from '../../../../src/contract/units.ts'

export interface MemorySample {
  atMs: Monotonic
  rssBytes: number
}

export interface MemoryPolicy {
  limitBytes: number
  /** How long a replacement takes to be in service. */
  replacementMs: number
}

/** What is known beside the samples. */
export interface MemoryContext extends MemoryPolicy {
  /** Of the process. */
  ageMs: number
}

export type MemoryVerdict = 'fine' | 'replace' | 'kill'

const SLOW_MS = 1000
const FAST_MS = 250
/** Without a limit the figure is only for the record of a death. */
export const FOR_THE_RECORD_MS = 5000
const MAX_FOR_THE_RECORD_MS = 40_000
/** What changes by no more than this share stays the same. */
const STEADY_SHARE = 0.02
/** Boot is when memory grows fastest, and before anything is known of it. */
const YOUNG_MS = 5000
/** Growth is seen over this much of the past. */
const WINDOW_MS = 1500
/** Below this share of the limit nothing is foretold: a cache that fills looks like a leak. */
const FORETELL_FROM = 0.5
/** Nothing is foretold for longer than this: growth that goes on for seconds is seen in time. */
const MAX_FORETELL_MS = 2000
/** Growing by so much of the limit in a second counts as fast. */
const FAST_GROWTH = 0.05

/** Four thirds of the limit: no process may have more, whatever it is doing. */
export function hardLimit({ limitBytes }: Pick<MemoryPolicy, 'limitBytes'>): number {
  return Math.round((limitBytes * 4) / 3)
}

/** Those that growth is judged by; the newest is last. */
export function keepRecent(samples: readonly MemorySample[], next: MemorySample): MemorySample[] {
  return [...samples.filter(({ atMs }) => next.atMs - atMs <= WINDOW_MS), next]
}

/** Bytes a second, 0 when it did not grow steadily. */
export function growthOf(samples: readonly MemorySample[]): number {
  const [first] = samples
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0
  const isSteady = samples.every(
    ({ rssBytes }, n) => n === 0 || rssBytes >= (samples[n - 1]?.rssBytes ?? 0),
  )
  if (!isSteady) return 0
  return ((last.rssBytes - first.rssBytes) * 1000) / (last.atMs - first.atMs)
}

/**
 * Above the limit it is replaced; before, too, when it would pass the hard limit sooner than that is done. While it
 * is young nothing is foretold: it would be replaced by another that grows in the same way.
 */
export function judgeMemory(
  samples: readonly MemorySample[],
  context: MemoryContext,
): MemoryVerdict {
  const rssBytes = samples.at(-1)?.rssBytes ?? 0
  const { limitBytes, replacementMs, ageMs } = context
  if (rssBytes > hardLimit(context)) return 'kill'
  if (rssBytes > limitBytes) return 'replace'
  if (rssBytes < limitBytes * FORETELL_FROM || ageMs < YOUNG_MS) return 'fine'
  const foretellMs = Math.min(replacementMs, MAX_FORETELL_MS)
  const foretold = rssBytes + (growthOf(samples) * foretellMs) / 1000
  return foretold > hardLimit(context) ? 'replace' : 'fine'
}

/** How long until the next sample. */
export function nextSampleMs(
  samples: readonly MemorySample[],
  { limitBytes, ageMs }: MemoryContext,
): number {
  const rssBytes = samples.at(-1)?.rssBytes ?? 0
  const growth = growthOf(samples)
  if (ageMs < YOUNG_MS) return FAST_MS
  // At this rate it would be beyond the limit before the next look.
  if (rssBytes + growth * (SLOW_MS / 1000) > limitBytes) return FAST_MS
  const isFast = rssBytes > limitBytes * FORETELL_FROM && growth > limitBytes * FAST_GROWTH
  return isFast ? FAST_MS : SLOW_MS
}

/** How long until the next sample of one without a limit: half as often each time that nothing has changed. */
export function nextForTheRecordMs(
  lastMs: number,
  beforeBytes: number | undefined,
  rssBytes: number,
): number {
  const isSteady =
    beforeBytes !== undefined && Math.abs(rssBytes - beforeBytes) <= beforeBytes * STEADY_SHARE
  return isSteady ? Math.min(2 * lastMs, MAX_FOR_THE_RECORD_MS) : FOR_THE_RECORD_MS
}
