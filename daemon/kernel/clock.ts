/** The only place that reads a clock or sets a timer; everything else is handed a `Clock`. */

import type { EpochMs, Monotonic } from '../../src/contract/units.ts'

export interface Clock {
  now(): Monotonic
  wall(): EpochMs
  /** Runs once at `time`, or as soon as possible when that has passed. Disposing it cancels it. */
  at(time: Monotonic, run: () => void): Disposable
}

/** setTimeout's limit; a later time is reached in steps. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

export function systemClock(): Clock {
  const now = (): Monotonic => {
    // The same clock as performance.now(), whose first use loads eight modules.
    const [seconds, nanoseconds] = process.hrtime()
    return (seconds * 1000 + nanoseconds / 1e6) as Monotonic
  }
  return {
    now,
    wall: () => Date.now() as EpochMs,
    at(time, run) {
      let timer: NodeJS.Timeout
      const arm = (): void => {
        const remainingMs = time - now()
        timer =
          remainingMs > MAX_TIMEOUT_MS
            ? setTimeout(arm, MAX_TIMEOUT_MS)
            : setTimeout(run, Math.max(0, remainingMs))
      }
      arm()
      return { [Symbol.dispose]: () => clearTimeout(timer) }
    },
  }
}

/** `time` plus a duration, keeping the brand. */
export function after(time: Monotonic, ms: number): Monotonic {
  return (time + ms) as Monotonic
}
