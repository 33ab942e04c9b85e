/** Each in turn, by instance number; whoever cannot take more is passed over. */

import type { Candidate, Policy } from './policy.ts'

export function roundRobin(): Policy {
  let last = -1
  return {
    affinity: false,
    strict: true,
    choose<C extends Candidate>(candidates: readonly C[]): C | undefined {
      const next = lowest(candidates.filter(({ number }) => number > last)) ?? lowest(candidates)
      if (next !== undefined) last = next.number
      return next
    },
  }
}

function lowest<C extends Candidate>(candidates: readonly C[]): C | undefined {
  let best: C | undefined
  for (const candidate of candidates) {
    if (best === undefined || candidate.number < best.number) best = candidate
  }
  return best
}
