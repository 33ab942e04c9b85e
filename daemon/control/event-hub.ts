/** Sends events to whoever subscribed. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import { isSelected } from './selectors.ts'

export interface EventHub {
  publish(event: LbmEvent): void
  subscribe(selectors: readonly string[], send: (event: LbmEvent) => void): Disposable
}

interface Subscription {
  selectors: readonly string[]
  /** Apps that matched once: the last events of a deleted app still belong to it. */
  keys: Set<string>
  send: (event: LbmEvent) => void
}

export function createEventHub(find: (key: string) => AppRecord | undefined): EventHub {
  const subscriptions = new Set<Subscription>()

  function covers({ selectors, keys }: Subscription, key: string): boolean {
    if (selectors.includes('all') || keys.has(key)) return true
    const record = find(key)
    if (record === undefined || !selectors.some((selector) => isSelected(selector, record)))
      return false
    keys.add(key)
    return true
  }

  return {
    publish(event) {
      for (const subscription of subscriptions) {
        if (covers(subscription, event.app)) subscription.send(event)
      }
    },
    subscribe(selectors, send) {
      const subscription: Subscription = { selectors, keys: new Set(), send }
      subscriptions.add(subscription)
      return { [Symbol.dispose]: () => subscriptions.delete(subscription) }
    },
  }
}
