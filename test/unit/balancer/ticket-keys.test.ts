import { expect, test } from 'vitest'

import { createTicketKeys } from '../../../daemon/balancer/ticket-keys.ts'
import { fakeClock } from '../../helpers/fake-clock.ts'

const DAY_MS = 24 * 60 * 60 * 1000

test('the keys stay for a day, then everybody gets new ones', async () => {
  const clock = fakeClock()
  const renewed: string[] = []
  const keys = createTicketKeys(clock, (made) => renewed.push(made))
  const first = keys.current()
  expect(Buffer.from(first, 'base64')).toHaveLength(48)
  await clock.advance(DAY_MS - 1)
  expect(keys.current()).toBe(first)
  await clock.advance(1)
  expect(renewed).toEqual([keys.current()])
  expect(keys.current()).not.toBe(first)
  await clock.advance(DAY_MS)
  expect(renewed).toHaveLength(2)
})

test('released: no more renewals, and other keys next time', async () => {
  const clock = fakeClock()
  const renewed: string[] = []
  const keys = createTicketKeys(clock, (made) => renewed.push(made))
  const first = keys.current()
  keys.release()
  await clock.advance(3 * DAY_MS)
  expect(renewed).toEqual([])
  expect(keys.current()).not.toBe(first)
})
