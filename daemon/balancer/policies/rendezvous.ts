/**
 * Highest random weight: every instance scores every client, the highest score has it. When one of N goes, only its own
 * clients move. Source: Thaler & Ravishankar 1998, "Using name-based mappings to increase hit rates".
 */

import type { Candidate } from './policy.ts'

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** FNV-1a, of which murmur's finaliser spreads the bits: neighbouring keys score independently. */
function hash(key: string, number: number): number {
  let h = FNV_OFFSET
  for (let n = 0; n < key.length; n++) h = Math.imul(h ^ key.charCodeAt(n), FNV_PRIME)
  h = Math.imul(h ^ number, FNV_PRIME)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** By instance number, which a replacement inherits. @returns undefined when there are no candidates */
export function rendezvous<C extends Candidate>(
  candidates: readonly C[],
  key: string,
): C | undefined {
  let best: C | undefined
  let bestScore = -1
  for (const candidate of candidates) {
    const score = hash(key, candidate.number)
    // Two generations of one instance: the younger.
    if (
      score > bestScore ||
      (score === bestScore && best !== undefined && candidate.id > best.id)
    ) {
      best = candidate
      bestScore = score
    }
  }
  return best
}
