import { expect, test } from 'vitest'

import {
  freeKey,
  parseScale,
  redefine,
  scaleTo,
  withoutSlots,
} from '../../../daemon/control/definitions.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import { newRecord } from '../../../src/contract/new-record.ts'
import { sampleRecord, sampleSpec } from '../../helpers/sample-spec.ts'

const idsFrom = (first: number) => {
  let next = first
  return () => next++
}
const slotsOf = ({ slots }: AppRecord): string[] => slots.map(({ id, number }) => `${id}#${number}`)

test.each([
  ['api', [], 'api'],
  ['api', ['api'], 'api~2'],
  ['api', ['api', 'api~2', 'api~4'], 'api~3'],
])('key of %s beside %j → %s', (name, taken, key) => {
  expect(freeKey(name, new Set(taken))).toBe(key)
})

test('a new app: numbers from 0, ids from the counter; stopped without autostart', () => {
  const record = newRecord('api', sampleSpec({ instances: 2, autostart: false }), idsFrom(7), 1)
  expect(record.slots).toEqual([
    { id: 7, number: 0, desired: 'stopped' },
    { id: 8, number: 1, desired: 'stopped' },
  ])
})

test('scale up: free numbers first; scale down: the newest go', () => {
  const four = sampleRecord({ instances: 4 })
  const gap = withoutSlots(four, [1])
  const { record, added } = scaleTo(gap, 5, idsFrom(10))
  expect(slotsOf(record)).toEqual(['0#0', '2#2', '3#3', '10#1', '11#4'])
  expect(added).toEqual([10, 11])
  const down = scaleTo(record, 2, idsFrom(20))
  expect([slotsOf(down.record), down.removed]).toEqual([
    ['0#0', '10#1'],
    [2, 3, 11],
  ])
  expect(down.record.spec.instances).toBe(2)
})

test('redefined: ids stay, the definition before is kept, the count follows the definition', () => {
  const before = { ...sampleRecord({ instances: 2 }), listens: true }
  const { record, added, removed } = redefine(
    before,
    sampleSpec({ instances: 3, args: ['x'] }),
    idsFrom(5),
  )
  expect([slotsOf(record), added, removed]).toEqual([['0#0', '1#1', '5#2'], [5], []])
  expect([record.previous, record.listens]).toEqual([before.spec, true])
})

test('redefined with the same → the same record', () => {
  const before = sampleRecord()
  expect(redefine(before, structuredClone(before.spec), idsFrom(5)).record).toBe(before)
})

test('redefined with another script → it is not known whether it listens', () => {
  const before = { ...sampleRecord(), listens: true }
  expect(redefine(before, sampleSpec({ script: '/srv/b.js' }), idsFrom(5)).record.listens).toBe(
    false,
  )
})

test.each([
  ['4', 4],
  ['+2', 5],
  ['-1', 2],
  [' 7 ', 7],
])('scale from 3 to %j → %d', (to, count) => {
  expect(parseScale(to, 3)).toBe(count)
})

test.each(['0', '-3', '+0.5', 'max', '', '1e3', '--1', '9999'])(
  'scale from 3 to %j → USAGE',
  (to) => {
    expect(() => parseScale(to, 3)).toThrow(`Cannot scale from 3 to "${to}"`)
  },
)
