/** Watches for the agent's reports: their absence means that the event loop does not turn. */

import type { Monotonic } from '../../../../src/contract/units.ts'
import { after, type Clock } from '../../../kernel/clock.ts'
import { mainThreadOf } from '../../../kernel/process-stats.ts'
import { aligned } from '../aligned.ts'
import {
  HELD_UP_MS,
  type HangVerdict,
  judge,
  LATE_MS,
  LOOK_MS,
  type Looking,
} from './hang-policy.ts'

/** After a pause of the supervisor, before it looks for what it may have missed. */
const UNREAD_MS = 1000

export interface HangWatchOptions {
  pid: number
  /** 0: it is only taken out of rotation, never called hung. */
  hangTimeoutMs: number
  clock: Clock
  /** False: it gave its channel up, and cannot report. */
  canReport: () => boolean
  /** At each look while it is silent, and once with undefined when it answers again. */
  onSilent: (silence: { verdict: HangVerdict; silentMs: number } | undefined) => void
}

export interface HangWatch extends Disposable {
  /** Reports are due from now on; a second call changes nothing. */
  begin(): void
  reported(): void
}

export function watchForHangs({
  pid,
  hangTimeoutMs,
  clock,
  canReport,
  onSilent,
}: HangWatchOptions): HangWatch {
  let lastReportMs: Monotonic | undefined
  let looking: Looking | undefined
  let timer: Disposable | undefined

  function arm(time: Monotonic): void {
    timer?.[Symbol.dispose]()
    const at = aligned(time, LOOK_MS)
    timer = clock.at(at, () => look(at))
  }

  function look(plannedMs: Monotonic): void {
    if (lastReportMs === undefined || !canReport()) return
    const now = clock.now()
    if (now - plannedMs > HELD_UP_MS) {
      // The supervisor was held up itself, and what it did not see it cannot hold against anyone; reports may be
      // waiting to be read.
      const heldUpMs = now - plannedMs + (looking === undefined ? UNREAD_MS : 0)
      lastReportMs = after(lastReportMs, Math.min(heldUpMs, now - lastReportMs))
    }
    if (now < after(lastReportMs, LATE_MS)) {
      arm(after(lastReportMs, LATE_MS))
      return
    }
    const thread = mainThreadOf(pid)
    if (thread === undefined) return
    looking ??= { sinceMs: now, cpuMs: thread.cpuMs }
    arm(after(now, LOOK_MS))
    const verdict = judge(looking, { now, lastReportMs, ...thread }, hangTimeoutMs)
    onSilent({ verdict, silentMs: now - lastReportMs })
  }

  return {
    begin() {
      if (lastReportMs !== undefined) return
      lastReportMs = clock.now()
      arm(after(lastReportMs, LATE_MS))
    },
    reported() {
      if (lastReportMs === undefined) return
      lastReportMs = clock.now()
      if (looking === undefined) return
      looking = undefined
      arm(after(lastReportMs, LATE_MS))
      onSilent(undefined)
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]()
      lastReportMs = undefined
    },
  }
}
