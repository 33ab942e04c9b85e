/** What comes of a silence: first no more connections, in the end SIGKILL, if it is a hang. */

import { formatDuration } from '../../../../src/contract/units.ts'
import type { Clock } from '../../../kernel/clock.ts'
import type { HangVerdict } from './hang-policy.ts'
import { takeHangReport } from './hang-report.ts'
import { watchForHangs } from './hang-watch.ts'

export interface HangGuardOptions {
  app: string
  pid: number
  /** 0: nothing is killed. */
  hangTimeoutMs: number
  clock: Clock
  /** For diagnostic reports. */
  reportsDir: string
  canReport: () => boolean
  on: {
    /** With undefined it answers again. */
    silent: (why: string | undefined, silentMs: number) => void
    /** `report`: path of the diagnostic report, if one could be had. */
    hung: (message: string, report: string | undefined) => void
    /** False: it is not to be ended yet. */
    mayEnd: () => boolean
  }
}

export interface HangGuard extends Disposable {
  begin(): void
  reported(): void
}

const WHY: Record<HangVerdict, string> = {
  late: 'its event loop is blocked',
  hung: 'its event loop is blocked',
  stopped: 'it is stopped by a signal or a debugger',
  waiting: 'its event loop is blocked by a call that waits',
  starved: 'it gets no CPU',
}

export function guardAgainstHangs(options: HangGuardOptions): HangGuard {
  const { on } = options
  let isReporting = false

  async function endHung(silentMs: number): Promise<void> {
    if (isReporting) return
    isReporting = true
    const found = await takeHangReport(options)
    const place = found === undefined ? '' : ` in ${found.place}`
    on.hung(`its event loop was blocked for ${formatDuration(silentMs)}${place}`, found?.file)
  }

  return watchForHangs({
    ...options,
    onSilent(silence) {
      on.silent(silence && `does not answer: ${WHY[silence.verdict]}`, silence?.silentMs ?? 0)
      if (silence?.verdict === 'hung' && on.mayEnd()) void endHung(silence.silentMs)
    },
  })
}
