/** Samples the memory of one process: for its limit, where it has one, and for the record of its death. */

import { formatBytes } from '../../../../src/contract/units.ts'
import { after, type Clock } from '../../../kernel/clock.ts'
import { rssOf, treeRssOf } from '../../../kernel/process-stats.ts'
import { aligned } from '../aligned.ts'
import {
  FOR_THE_RECORD_MS,
  judgeMemory,
  keepRecent,
  type MemoryContext,
  type MemorySample,
  type MemoryVerdict,
  nextForTheRecordMs,
  nextSampleMs,
} from './memory-policy.ts'

const ALIGN_MS = 250

export interface MemoryGuardOptions {
  pid: number
  /** Everything it started counts; for programs that are not one process by their nature. */
  wholeTree: boolean
  limitBytes: number | undefined
  replacementMs: () => number
  clock: Clock
  /** At each sample, as long as it is so. `message`: the figures, for people. */
  onVerdict: (verdict: Exclude<MemoryVerdict, 'fine'>, message: string) => void
  onSample: (rssBytes: number) => void
}

export function guardMemory({
  pid,
  wholeTree,
  limitBytes,
  replacementMs,
  clock,
  onVerdict,
  onSample,
}: MemoryGuardOptions): Disposable {
  const bornMs = clock.now()
  let samples: MemorySample[] = []
  let timer: Disposable | undefined
  let restMs = FOR_THE_RECORD_MS

  function sample(): void {
    const rssBytes = wholeTree ? treeRssOf(pid) : rssOf(pid)
    const atMs = clock.now()
    // Gone: its exit is on the way.
    if (rssBytes === undefined) return
    const beforeBytes = samples.at(-1)?.rssBytes
    samples = keepRecent(samples, { atMs, rssBytes })
    onSample(rssBytes)
    if (limitBytes === undefined) {
      restMs = nextForTheRecordMs(restMs, beforeBytes, rssBytes)
      arm(restMs)
      return
    }
    const context: MemoryContext = {
      limitBytes,
      replacementMs: replacementMs(),
      ageMs: atMs - bornMs,
    }
    arm(nextSampleMs(samples, context))
    const verdict = judgeMemory(samples, context)
    if (verdict !== 'fine') onVerdict(verdict, describe(verdict, rssBytes, limitBytes))
  }

  function arm(ms: number): void {
    timer = clock.at(aligned(after(clock.now(), ms - ALIGN_MS), ALIGN_MS), sample)
  }

  // Not at the start: before the program is loaded, what is measured is not it yet.
  arm(limitBytes === undefined ? FOR_THE_RECORD_MS / 4 : 250)
  return { [Symbol.dispose]: () => timer?.[Symbol.dispose]() }
}

function describe(verdict: MemoryVerdict, rssBytes: number, limitBytes: number): string {
  const limit = `max_memory_restart: ${formatBytes(limitBytes)}`
  return verdict === 'kill'
    ? `used ${formatBytes(rssBytes)}, more than a third above ${limit}`
    : `used ${formatBytes(rssBytes)} (${limit})`
}
