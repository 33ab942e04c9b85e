import { describe, expect, test } from 'vitest'

import { checkSlots, type PortFacts, withSlotBase } from '../../../daemon/control/slot-ports.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import type { SlotsSpec } from '../../../src/contract/proxy.ts'
import { sampleRecord, sampleSpec } from '../../helpers/sample-spec.ts'

const facts =
  (listening: number[] = [], ephemeralFrom = 32_768) =>
  (): PortFacts => ({
    ephemeralFrom,
    listening: new Set(listening),
  })
const tcp = (base: number, max = 0): SlotsSpec => ({
  at: { type: 'tcp', host: '127.0.0.1', base },
  max,
})
const record = (name: string, slots: SlotsSpec, instances = 2): AppRecord =>
  sampleRecord({ name, slots, instances })

describe('a base is chosen once', () => {
  test('the first block', () => {
    expect(withSlotBase(record('a', tcp(0)), [], facts()).slotBase).toBe(21_001)
  })
  test('what is known of the app stays, whatever is free now', () => {
    const before = { ...record('a', tcp(0)), slotBase: 22_001 }
    expect(withSlotBase(record('a', tcp(0)), [before], facts()).slotBase).toBe(22_001)
  })
  test('another app’s block is left out, chosen or given', () => {
    const others = [{ ...record('b', tcp(0)), slotBase: 21_001 }, record('c', tcp(21_150), 4)]
    expect(withSlotBase(record('a', tcp(0)), others, facts()).slotBase).toBe(21_201)
  })
  test('ports that somebody listens at are left out', () => {
    expect(withSlotBase(record('a', tcp(0)), [], facts([21_050])).slotBase).toBe(21_101)
  })
  test('one that is given needs no choice', () => {
    const given = record('a', tcp(25_000))
    expect(withSlotBase(given, [], () => expect.unreachable())).toBe(given)
  })
  test('none is left: an error that says what to do', () => {
    expect(() => withSlotBase(record('a', tcp(0)), [], facts([], 21_050))).toThrow(/in a row/)
  })
})

describe('slots that cannot work are refused', () => {
  test.each([
    ['among the ports of outgoing connections', { slots: tcp(32_767, 4) }, [], /32768/],
    ['another app’s', { slots: tcp(22_000) }, [record('b', tcp(22_001))], /"b"/],
    ['for a program that is not Node', { slots: tcp(0), runtime: 'other' as const }, [], /Node/],
  ])('%s', (_, given, others, message) => {
    const check = { spec: sampleSpec(given), count: 2, slotBase: undefined, others }
    expect(() => checkSlots(check, facts())).toThrow(message)
  })
  test('others are fine', () => {
    for (const spec of [sampleSpec({ slots: tcp(22_000) }), sampleSpec()])
      expect(() =>
        checkSlots({ spec, count: 2, slotBase: undefined, others: [] }, facts()),
      ).not.toThrow()
  })
  test('inside of a block that the daemon chose for another app, used or not', () => {
    const others = [{ ...record('a', tcp(0)), slotBase: 21_001 }]
    const at = (base: number) => () =>
      checkSlots(
        { spec: sampleSpec({ slots: tcp(base) }), count: 1, slotBase: undefined, others },
        facts(),
      )
    expect(at(21_100)).toThrow(/"a"/)
    expect(at(21_101)).not.toThrow()
  })
  test('a chosen block that is to grow beyond its end, into another app’s or too far up', () => {
    const spec = sampleSpec({ slots: tcp(0) })
    const others = [record('b', tcp(21_150))]
    const growTo = (count: number, slotBase: number) => () =>
      checkSlots({ spec, count, slotBase, others }, facts())
    expect(growTo(149, 21_001)).not.toThrow()
    expect(growTo(150, 21_001)).toThrow(/"b"/)
    expect(growTo(68, 32_700)).not.toThrow()
    expect(growTo(69, 32_700)).toThrow(/32768/)
  })
})
