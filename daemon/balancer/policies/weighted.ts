/**
 * Shares in proportion to weights, as evenly spread in time as can be: the smooth weighted round robin of nginx.
 * An instance whose event loop is nearly always busy counts half.
 */

import type { Candidate, Policy } from './policy.ts'

const BUSY_UTILISATION = 0.9
const DEFAULT_WEIGHT = 1

/** @param weights by instance number; a missing one counts 1 */
export function weighted(weights: readonly number[]): Policy {
  const credit = new Map<number, number>()
  return {
    affinity: false,
    strict: true,
    choose<C extends Candidate>(candidates: readonly C[]): C | undefined {
      let total = 0
      let best: C | undefined
      let bestCredit = 0
      for (const candidate of candidates) {
        const weight = effectiveWeight(candidate, weights)
        total += weight
        const own = (credit.get(candidate.number) ?? 0) + weight
        credit.set(candidate.number, own)
        if (best === undefined || own > bestCredit) {
          best = candidate
          bestCredit = own
        }
      }
      if (best !== undefined) credit.set(best.number, bestCredit - total)
      return best
    },
  }
}

function effectiveWeight(
  { number, loopUtilisation }: Candidate,
  weights: readonly number[],
): number {
  const weight = Math.max(weights[number] ?? DEFAULT_WEIGHT, 0)
  return loopUtilisation > BUSY_UTILISATION ? weight / 2 : weight
}
