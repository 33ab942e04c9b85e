import { expect, test } from 'vitest'

import { createDropRing, type RingMember } from '../../../daemon/supervisor/logs/drop-ring.ts'

function member(bytes: number): RingMember & { bytes: number } {
  return {
    bytes,
    stuckBytes() {
      return this.bytes
    },
    dropOldest(count) {
      this.bytes -= count
    },
  }
}

test('within the limit nothing is dropped', () => {
  const ring = createDropRing(1000)
  const only = member(1000)
  ring.join(only)
  ring.trim()
  expect(only.bytes).toBe(1000)
})

test('beyond it the largest gives, down to three quarters', () => {
  const ring = createDropRing(1000)
  const [small, large] = [member(200), member(900)]
  ring.join(small)
  ring.join(large)
  ring.trim()
  expect([small.bytes, large.bytes]).toEqual([200, 550])
})

test('who left does not count', () => {
  const ring = createDropRing(1000)
  const [gone, stays] = [member(900), member(900)]
  ring.join(gone)[Symbol.dispose]()
  ring.join(stays)
  ring.trim()
  expect(stays.bytes).toBe(900)
})
