/** One timer for the next of several moments. */

import type { Monotonic } from '../../src/contract/units.ts'
import type { Clock } from '../kernel/clock.ts'

export interface Waker {
  /** Wakes then, or earlier if something else is due before. */
  by(atMs: Monotonic): void
}

export function createWaker(clock: Clock, wake: () => void): Waker {
  let next: { timer: Disposable; atMs: Monotonic } | undefined
  return {
    by(atMs) {
      if (next !== undefined && next.atMs <= atMs) return
      next?.timer[Symbol.dispose]()
      const timer = clock.at(atMs, () => {
        next = undefined
        wake()
      })
      next = { timer, atMs }
    },
  }
}
