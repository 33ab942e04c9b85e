/** The instance with the fewest open connections; equals take turns. The default: right for short and for long connections. */

import type { Candidate, Policy } from './policy.ts'

export function leastConnections(): Policy {
  let last = -1
  return {
    affinity: false,
    strict: false,
    choose<C extends Candidate>(candidates: readonly C[]): C | undefined {
      let best: C | undefined
      for (const candidate of candidates) {
        if (best === undefined || candidate.connections < best.connections) best = candidate
        else if (
          candidate.connections === best.connections &&
          comesSooner(candidate.id, best.id, last)
        )
          best = candidate
      }
      if (best !== undefined) last = best.id
      return best
    },
  }
}

/** The ids form a circle; whoever follows `last` more closely is next. */
function comesSooner(a: number, b: number, last: number): boolean {
  return a > last === b > last ? a < b : a > last
}
