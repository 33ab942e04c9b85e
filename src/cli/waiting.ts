/** Bounds the wait for the daemon: by `--timeout`, and by Ctrl-C. */

import { setMaxListeners } from 'node:events'
import { constants } from 'node:os'

import { LbmError } from '../contract/errors.ts'
import { formatDuration, parseDurationMs } from '../contract/units.ts'
import type { Cli } from './cli.ts'

export interface WaitOptions {
  timeoutMs?: number | undefined
  /** Ends the sentence "…; " for whoever stops waiting: what becomes of the work. */
  meanwhile: string
}

/**
 * Ends the wait, never the work: that belongs to the daemon and its supervisors.
 * @throws LbmError TIMED_OUT
 */
export async function waiting<T>(
  { io }: Cli,
  { timeoutMs, meanwhile }: WaitOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  // Each request that is under way listens.
  setMaxListeners(0, controller.signal)
  const onInterrupt = (): void => {
    io.err(`lbm: interrupted; ${meanwhile}`)
    process.exit(128 + constants.signals.SIGINT)
  }
  const timer =
    timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          const message = `Not done within ${formatDuration(timeoutMs)}; ${meanwhile}.`
          controller.abort(
            new LbmError('TIMED_OUT', message, { hint: '"lbm list" shows how it stands' }),
          )
        }, timeoutMs)
  process.once('SIGINT', onInterrupt)
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
    process.removeListener('SIGINT', onInterrupt)
  }
}

/** @throws LbmError USAGE */
export function parseTimeout(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  // A bare number means seconds on the command line: nobody waits for 30 ms.
  const ms = parseDurationMs(/^\d+(\.\d+)?$/.test(text) ? `${text}s` : text)
  if (ms === undefined || ms === 0) {
    throw new LbmError(
      'USAGE',
      `--timeout: expected a duration such as 30 (seconds) or "2m", got "${text}".`,
    )
  }
  return ms
}
