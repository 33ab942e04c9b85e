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
  const sessions = createMemory()
  /** Networks whose instance was blocked when they came: what they got there is not known here before they bring it. */
  const moved = createMemory()

  return {
    affinity: true,
    strict: false,
    ownerOf({ address, sticky: key }) {
      if (key?.from === 'header') return undefined
      const id =
        (key === undefined ? undefined : sessions.get(key.value)) ?? moved.get(networkOf(address))
      if (key !== undefined && id !== undefined) sessions.set(key.value, id)
      return id
    },
    hasSession: ({ sticky: key }) => key !== undefined && key.from !== 'header',
    moved({ address, sticky: key }, id) {
      if (key === undefined) moved.set(networkOf(address), id)
    },
    choose<C extends Candidate>(
      candidates: readonly C[],
      { address, sticky: key }: Client,
    ): C | undefined {
      if (key?.from === 'header') return rendezvous(candidates, key.value)
      const chosen = rendezvous(candidates, networkOf(address))
      if (key !== undefined && chosen !== undefined) sessions.set(key.value, chosen.id)
      return chosen
    },
  }
}

interface Memory {
  get(key: string): number | undefined
  set(key: string, id: number): void
}

/** The last so many keys, with the ids of members. */
function createMemory(): Memory {
  /** The least recently seen first. */
  const ids = new Map<string, number>()
  return {
    get: (key) => ids.get(key),
    set(key, id) {
      ids.delete(key)
      ids.set(key, id)
      if (ids.size <= MAX_REMEMBERED) return
      const [oldest] = ids.keys()
      if (oldest !== undefined) ids.delete(oldest)
    },
  }
}
