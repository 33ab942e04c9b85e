import fc from 'fast-check'
import { expect, test } from 'vitest'

import { assignSlots } from '../../../daemon/supervisor/slots/assign-slots.ts'

test('each number to its instance, the youngest process first', () => {
  const acceptors = [
    { id: 1, number: 0 },
    { id: 3, number: 0 },
    { id: 2, number: 1 },
  ]
  expect([...assignSlots([0, 1], acceptors)]).toEqual([
    [0, 3],
    [1, 2],
  ])
})

test('a number without an instance: another one serves it', () => {
  expect(assignSlots([0, 1, 2], [{ id: 7, number: 0 }]).get(2)).toBe(7)
})

test('nobody can accept: nobody does', () => {
  expect([...assignSlots([0, 1], [])]).toEqual([
    [0, undefined],
    [1, undefined],
  ])
})

test('every slot is served while anybody can, and orphans are spread evenly', () => {
  const acceptor = fc.record({ id: fc.nat(1000), number: fc.nat(15) })
  fc.assert(
    fc.property(
      fc.uniqueArray(acceptor, { selector: ({ id }) => id, minLength: 1 }),
      fc.nat(31),
      (acceptors, last) => {
        const numbers = Array.from({ length: last + 1 }, (_, number) => number)
        const assigned = assignSlots(numbers, acceptors)
        const ids = new Set(acceptors.map(({ id }) => id))
        for (const [number, id] of assigned) {
          expect(ids.has(id ?? -1)).toBe(true)
          const own = acceptors.filter((one) => one.number === number).map((one) => one.id)
          if (own.length > 0) expect(id).toBe(Math.max(...own))
        }
      },
    ),
  )
})
