/** Keys of TLS session tickets, the same for every instance: kept across reloads, renewed daily. */

import { after, type Clock } from '../kernel/clock.ts'
import { loadCrypto } from '../kernel/crypto.ts'

const KEY_BYTES = 48
const LIFETIME_MS = 24 * 60 * 60 * 1000

export interface TicketKeys {
  /** Base64. */
  current(): string
  /** Goes on with those of a predecessor, so that its clients' sessions are resumed. */
  inherit(keys: string): void
  release(): void
}

export function createTicketKeys(clock: Clock, renewed: (keys: string) => void): TicketKeys {
  let keys: string | undefined
  let renewal: Disposable | undefined

  function take(taken: string): string {
    keys = taken
    renewal?.[Symbol.dispose]()
    renewal = clock.at(after(clock.now(), LIFETIME_MS), () => renewed(make()))
    return taken
  }

  const make = (): string => take(loadCrypto().randomBytes(KEY_BYTES).toString('base64'))

  return {
    current: () => keys ?? make(),
    inherit: (inherited) => void take(inherited),
    release() {
      renewal?.[Symbol.dispose]()
      keys = undefined
    },
  }
}
