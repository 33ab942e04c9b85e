import { expect, test, vi } from 'vitest'

import { createSubscriptions } from '../../../src/client/subscriptions.ts'
import type { Ask, Wire } from '../../../src/client/wire.ts'

function world() {
  const asked: string[] = []
  const ask = ((method: string) => {
    asked.push(method)
    return Promise.resolve({})
  }) as Ask
  const subscriptions = createSubscriptions()
  const wire: Wire = subscriptions.before({ ask, askStarting: ask })
  return { asked, subscriptions, wire }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('a request goes out at once, or when the subscriptions before it have arrived', async () => {
  const { asked, subscriptions, wire } = world()
  await wire.ask('daemon.ping', {})
  let arrive = (): void => undefined
  subscriptions.add(new Promise<void>((resolve) => (arrive = resolve)))
  const later = wire.askStarting('app.list', {})
  await turn()
  expect(asked).toEqual(['daemon.ping'])
  arrive()
  await later
  expect(asked).toEqual(['daemon.ping', 'app.list'])
})

test('one that fails holds nobody up', async () => {
  const { asked, subscriptions, wire } = world()
  subscriptions.add(Promise.reject(new Error('no daemon')))
  await wire.ask('app.list', {})
  await wire.ask('daemon.ping', {})
  expect(asked).toEqual(['app.list', 'daemon.ping'])
})

test('one that never arrives is waited for a second', async () => {
  vi.useFakeTimers()
  try {
    const { asked, subscriptions, wire } = world()
    subscriptions.add(new Promise(() => undefined))
    const request = wire.ask('app.list', {})
    await vi.advanceTimersByTimeAsync(999)
    expect(asked).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await request
    expect(asked).toEqual(['app.list'])
  } finally {
    vi.useRealTimers()
  }
})
