import fc from 'fast-check'
import { expect, test } from 'vitest'

import { createMember, type MemberState } from '../../../daemon/balancer/members.ts'
import { type Outliers, watchOutliers } from '../../../daemon/balancer/outliers.ts'
import { type FakeClock, fakeClock } from '../../helpers/fake-clock.ts'

function world(count: number): {
  clock: FakeClock
  members: MemberState[]
  outliers: Outliers
  ejected: () => number[]
} {
  const clock = fakeClock()
  const members = Array.from({ length: count }, (_, id) => {
    const state = createMember({ id, number: id, send: () => undefined }, clock.now())
    state.inRotation = true
    return state
  })
  const outliers = watchOutliers({
    clock,
    members: new Map(members.map((state) => [state.id, state])),
    changed: () => undefined,
    log: () => undefined,
  })
  const ejected = (): number[] => members.filter((state) => state.ejected).map(({ id }) => id)
  return { clock, members, outliers, ejected }
}

test('five failures in a row eject, for 30 s and then for 60 s', async () => {
  const { clock, members, outliers, ejected } = world(4)
  const [first] = members
  for (let n = 0; n < 4; n++) outliers.failed(first!)
  expect(ejected()).toEqual([])
  outliers.failed(first!)
  expect(ejected()).toEqual([0])
  await clock.advance(29_999)
  expect(ejected()).toEqual([0])
  await clock.advance(1)
  expect(ejected()).toEqual([])
  outliers.failed(first!, 5)
  await clock.advance(59_999)
  expect(ejected()).toEqual([0])
  await clock.advance(1)
  expect(ejected()).toEqual([])
})

test('at most half of those in rotation, and never the last', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.nat({ max: 8 }), { maxLength: 40 }),
      (count, failing) => {
        const { members, outliers, ejected } = world(count)
        for (const n of failing) outliers.failed(members[n % count]!, 5)
        expect(ejected().length).toBeLessThanOrEqual(Math.floor(count / 2))
      },
    ),
  )
})

test('who is not in rotation is not ejected', () => {
  const { members, outliers, ejected } = world(4)
  members[0]!.inRotation = false
  outliers.failed(members[0]!, 5)
  expect(ejected()).toEqual([])
})
