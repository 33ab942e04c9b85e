/** The order in which a program asks: what it asks for after it has begun to read events is told by them. */

import type { Ask, Wire } from './wire.ts'

/** Requests wait no longer for a subscription: the daemon may not answer at all. */
const PATIENCE_MS = 1000

export interface Subscriptions {
  /** A subscription that is on its way; it has a connection of its own. */
  add(subscribing: Promise<unknown>): void
  /** The same wire, whose requests go out when those that were on their way have arrived. */
  before(wire: Wire): Wire
}

export function createSubscriptions(): Subscriptions {
  const underWay = new Set<Promise<unknown>>()

  async function arrived(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS)
    })
    await Promise.race([Promise.allSettled(underWay), late])
    clearTimeout(timer)
  }

  const after =
    (ask: Ask): Ask =>
    async (method, params, given) => {
      if (underWay.size > 0) await arrived()
      return await ask(method, params, given)
    }

  return {
    add(subscribing) {
      underWay.add(subscribing)
      void Promise.allSettled([subscribing]).then(() => underWay.delete(subscribing))
    },
    before: (wire) => ({ ask: after(wire.ask), askStarting: after(wire.askStarting) }),
  }
}
