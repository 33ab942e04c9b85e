/** A pause that may be cut short. */

import type { Monotonic } from '../../../src/contract/units.ts'
import type { Clock } from '../../kernel/clock.ts'

export interface Rest {
  until(time: Monotonic): Promise<void>
  wake(): void
  /** When the pause ends; undefined when there is none. */
  endsAt(): Monotonic | undefined
}

export function createRest(clock: Clock): Rest {
  let endsAt: Monotonic | undefined
  let end = (): void => undefined
  return {
    until: (time) =>
      new Promise((resolve) => {
        endsAt = time
        const timer = clock.at(time, () => end())
        end = () => {
          timer[Symbol.dispose]()
          endsAt = undefined
          end = () => undefined
          resolve()
        }
      }),
    wake: () => end(),
    endsAt: () => endsAt,
  }
}
