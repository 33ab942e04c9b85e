/** Takes instances out that fail one connection after the other. */

import { after, type Clock } from '../kernel/clock.ts'
import type { MemberState } from './members.ts'

/** Failures in a row. */
const MAX_FAILURES = 5
/** Times the number of ejections so far. */
const EJECTION_MS = 30_000
/** Of the instances in rotation; and never the last. */
const MAX_EJECTED_SHARE = 0.5

export interface OutlierOptions {
  clock: Clock
  members: ReadonlyMap<number, MemberState>
  /** Somebody went out or came back. */
  changed: (state: MemberState) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface Outliers {
  failed(state: MemberState, times?: number): void
  release(): void
}

export function watchOutliers({ clock, members, changed, log }: OutlierOptions): Outliers {
  const returns = new Map<number, Disposable>()

  function mayEject(): boolean {
    const inRotation = [...members.values()].filter((state) => state.inRotation)
    const ejected = inRotation.filter((state) => state.ejected).length
    return ejected + 1 <= inRotation.length * MAX_EJECTED_SHARE
  }

  function eject(state: MemberState): void {
    state.ejected = true
    state.ejections += 1
    state.failures = 0
    const forMs = EJECTION_MS * state.ejections
    log('balance.ejected', { memberId: state.id, instance: state.number, forMs })
    returns.set(
      state.id,
      clock.at(after(clock.now(), forMs), () => {
        returns.delete(state.id)
        state.ejected = false
        changed(state)
      }),
    )
    changed(state)
  }

  return {
    failed(state, times = 1) {
      state.failures += times
      if (state.failures >= MAX_FAILURES && !state.ejected && state.inRotation && mayEject())
        eject(state)
    },
    release() {
      for (const timer of returns.values()) timer[Symbol.dispose]()
      returns.clear()
    },
  }
}
