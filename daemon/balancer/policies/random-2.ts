/**
 * Two at random, of which the one with fewer connections: nearly as even as looking at all, and never a herd on the emptiest.
 * The two are different: drawn with replacement, a blocked instance would meet itself (8 of 40 connections stuck, not 1).
 * Source: Mitzenmacher 2001, "The power of two choices in randomized load balancing".
 */

import type { Candidate, Policy } from './policy.ts'

/** @param random 0 ≤ x < 1 */
export function randomTwo(random: () => number): Policy {
  return {
    affinity: false,
    strict: false,
    choose<C extends Candidate>(candidates: readonly C[]): C | undefined {
      const first = Math.floor(random() * candidates.length)
      if (candidates.length < 2) return candidates[first]
      const step = 1 + Math.floor(random() * (candidates.length - 1))
      const a = candidates[first]
      const b = candidates[(first + step) % candidates.length]
      if (a === undefined || b === undefined) return a ?? b
      return b.connections < a.connections ? b : a
    },
  }
}
