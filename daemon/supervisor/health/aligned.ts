import type { Monotonic } from '../../../src/contract/units.ts'

/** The next multiple of `stepMs`: what many instances have to do falls together, and wakes the supervisor once. */
export function aligned(time: Monotonic, stepMs: number): Monotonic {
  return (Math.ceil(time / stepMs) * stepMs) as Monotonic
}
