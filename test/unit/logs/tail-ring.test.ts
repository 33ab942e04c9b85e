import fc from 'fast-check'
import { expect, test } from 'vitest'

import { createTailRing } from '../../../daemon/supervisor/logs/tail-ring.ts'

test('the last lines are those of the whole stream, as far as 16 KiB reach', () => {
  const line = fc.stringMatching(/^[a-z]{1,400}$/)
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 150 }),
      fc.array(fc.integer({ min: 1, max: 30_000 })),
      (lines, sizes) => {
        const ring = createTailRing()
        let rest = Buffer.from(lines.map((text) => `${text}\n`).join(''))
        for (const size of sizes) {
          ring.push(rest.subarray(0, size))
          rest = rest.subarray(size)
        }
        ring.push(rest)
        expect(ring.lastLines(30)).toEqual(lines.slice(-30))
      },
    ),
  )
})

test('a line that is cut at the front is left out, characters are whole', () => {
  const ring = createTailRing()
  for (let number = 0; number < 2000; number += 1)
    ring.push(Buffer.from(`zeile ${number} äöü€😀\r\n`))
  const lines = ring.lastLines(10_000)
  expect(lines.at(-1)).toBe('zeile 1999 äöü€😀')
  expect(lines[0]).toMatch(/^zeile \d+ äöü€😀$/)
})

test('the unfinished last line counts; nothing pushed, nothing there', () => {
  const ring = createTailRing()
  expect(ring.lastLines(5)).toEqual([])
  ring.push(Buffer.from('a\n\nb'))
  expect(ring.lastLines(5)).toEqual(['a', 'b'])
  expect(ring.lastLines(0)).toEqual([])
})
