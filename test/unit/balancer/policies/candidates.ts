import fc from 'fast-check'

import type { Candidate, Client } from '../../../../daemon/balancer/policies/policy.ts'

export const anyone: Client = { address: '192.0.2.1' }

export interface Changing extends Candidate {
  connections: number
  loopUtilisation: number
}

export function candidate(number: number, more: Partial<Candidate> = {}): Changing {
  return { id: number + 100, number, connections: 0, loopUtilisation: 0, ...more }
}

export function candidates(count: number): Changing[] {
  return Array.from({ length: count }, (_, number) => candidate(number))
}

/** 1 … 16 candidates with any number of connections, distinct ids and numbers. */
export const someCandidates: fc.Arbitrary<Changing[]> = fc
  .uniqueArray(
    fc.record({
      id: fc.integer({ min: 1, max: 1000 }),
      number: fc.integer({ min: 0, max: 63 }),
      connections: fc.integer({ min: 0, max: 50 }),
      loopUtilisation: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { minLength: 1, maxLength: 16, selector: ({ number }) => number },
  )
  .map((list) => list.map((each, n) => ({ ...each, id: each.id * 100 + n })))

export const someClient: fc.Arbitrary<Client> = fc
  .oneof(fc.ipV4(), fc.ipV6())
  .map((address) => ({ address }))

/** How often each was chosen, by number. */
export function tally(chosen: Iterable<Candidate | undefined>): Map<number, number> {
  const counts = new Map<number, number>()
  for (const each of chosen)
    if (each !== undefined) counts.set(each.number, (counts.get(each.number) ?? 0) + 1)
  return counts
}
