/**
 * A session comes to the instance that has it. A value that a client chose itself (a header) is hashed. One that an
 * instance gave out (a cookie, Socket.IO's `sid`) is unknown when it is first seen: whoever brings it had none a moment
 * ago, so it was placed by its address, and there it goes again; from then on the value is remembered.
 */

import { networkOf } from './ip-hash.ts'
import type { Candidate, Client, Policy } from './policy.ts'
import { rendezvous } from './rendezvous.ts'

const MAX_REMEMBERED = 20_000

export function sticky(): Policy {
  /** Value → member id, the least recently seen first. */
  const owners = new Map<string, number>()

  function remember(value: string, id: number): void {
    owners.delete(value)
    owners.set(value, id)
    if (owners.size <= MAX_REMEMBERED) return
    const [oldest] = owners.keys()
    if (oldest !== undefined) owners.delete(oldest)
  }

  return {
    affinity: true,
    strict: false,
    ownerOf({ sticky: key }) {
      return key === undefined || key.from === 'header' ? undefined : owners.get(key.value)
    },
    choose<C extends Candidate>(
      candidates: readonly C[],
      { address, sticky: key }: Client,
    ): C | undefined {
      if (key?.from === 'header') return rendezvous(candidates, key.value)
      const chosen = rendezvous(candidates, networkOf(address))
      if (key !== undefined && chosen !== undefined) remember(key.value, chosen.id)
      return chosen
    },
  }
}
