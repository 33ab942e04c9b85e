/**
 * Connections for members that have yet to acknowledge another one. Without them a burst goes to whoever acknowledges
 * fastest (17, 10 and 3 of 30 on a busy machine), whatever the policy; with them each gets its share, as long as it is prompt.
 */

import type { Monotonic } from '../../src/contract/units.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { MemberState } from './members.ts'

/** A hundred times what an acknowledgement takes. Who is slower is busy: what waits for it goes to others. */
const PROMPT_MS = 10
const MAX_RESERVED = 64

export interface Reserves<C> {
  mayTake(state: MemberState): boolean
  add(state: MemberState, connection: C): void
  next(state: MemberState): C | undefined
  /** Gives up what is kept for this member. */
  release(state: MemberState): C[]
  withdraw(isWanted: (connection: C) => boolean): C[]
  size(): number
}

interface Kept<C> {
  state: MemberState
  connection: C
  sinceMs: Monotonic
}

/** @param tooLate gets what waited for longer than a prompt member needs */
export function createReserves<C>(clock: Clock, tooLate: (connections: C[]) => void): Reserves<C> {
  /** Oldest first. */
  let kept: Kept<C>[] = []
  let timer: Disposable | undefined

  function takeOut(isWanted: (entry: Kept<C>) => boolean): C[] {
    const out = kept.filter(isWanted)
    if (out.length === 0) return []
    kept = kept.filter((entry) => !isWanted(entry))
    for (const { state } of out) {
      state.reserved -= 1
      state.connections -= 1
    }
    return out.map(({ connection }) => connection)
  }

  function setTimer(): void {
    const [oldest] = kept
    if (timer !== undefined || oldest === undefined) return
    timer = clock.at(after(oldest.sinceMs, PROMPT_MS), () => {
      timer = undefined
      const limitMs = clock.now() - PROMPT_MS
      const late = takeOut(({ sinceMs }) => sinceMs <= limitMs)
      if (late.length > 0) tooLate(late)
      setTimer()
    })
  }

  return {
    mayTake: ({ unacknowledged, reserved, handedOverAtMs }) =>
      unacknowledged > 0 && reserved < MAX_RESERVED && clock.now() - handedOverAtMs < PROMPT_MS,
    add(state, connection) {
      state.reserved += 1
      state.connections += 1
      kept.push({ state, connection, sinceMs: clock.now() })
      setTimer()
    },
    next(state) {
      if (state.reserved === 0) return undefined
      const [first] = kept.splice(
        kept.findIndex((entry) => entry.state === state),
        1,
      )
      state.reserved -= 1
      state.connections -= 1
      return first?.connection
    },
    release: (state) => (state.reserved === 0 ? [] : takeOut((entry) => entry.state === state)),
    withdraw: (isWanted) => takeOut(({ connection }) => isWanted(connection)),
    size: () => kept.length,
  }
}
