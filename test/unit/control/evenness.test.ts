import { expect, test } from 'vitest'

import { evennessOf } from '../../../daemon/control/evenness.ts'
import type { InstanceBalance, InstanceState } from '../../../src/contract/instance.ts'
import { sampleView } from '../cli/sample-view.ts'

const sharing = (...shares: (number | undefined)[]): InstanceState[] =>
  shares.map((share) => sampleView({ balance: balance(share) }))

function balance(share: number | undefined, inRotation = true): InstanceBalance {
  return {
    policy: 'round-robin',
    openConnections: 0,
    accepted: 900,
    acceptedPerSecond: 0,
    inRotation,
    loopUtilisation: 0,
    loopDelayMs: 0,
    ...(share === undefined ? {} : { acceptedTogether: share }),
  }
}

test('the largest share by the mean one', () => {
  expect(evennessOf(sharing(10, 10, 10))).toBe(1)
  expect(evennessOf(sharing(30, 0, 0))).toBe(3)
  expect(evennessOf(sharing(10, 20))).toBeCloseTo(4 / 3)
})

test('one out of rotation has no share', () => {
  const out = sampleView({ balance: balance(50, false) })
  expect(evennessOf([...sharing(10, 10), out])).toBe(1)
})

test('nothing to compare', () => {
  expect(evennessOf([])).toBeUndefined()
  expect(evennessOf(sharing(10))).toBeUndefined()
  expect(evennessOf(sharing(0, 0))).toBeUndefined()
  // A supervisor of yesterday does not tell.
  expect(evennessOf(sharing(undefined, undefined))).toBeUndefined()
  expect(evennessOf([sampleView(), sampleView()])).toBeUndefined()
})
