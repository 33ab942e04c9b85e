import fc from 'fast-check'
import { expect, test } from 'vitest'

import { createLineHold } from '../../../daemon/supervisor/logs/line-hold.ts'

const bytes = fc
  .uint8Array({ maxLength: 200 })
  .map((array) => Buffer.from(array.map((byte) => (byte < 32 ? 10 : byte))))
const text = fc
  .string({ unit: 'grapheme', maxLength: 80 })
  .map((value) => Buffer.from(value.replaceAll('x', '\n')))

test('whatever the chunks, the same lines come out, and only whole ones', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, text), fc.array(fc.nat(30)), (whole, sizes) => {
      const hold = createLineHold()
      const lines: Buffer[] = []
      for (const chunk of chunksOf(whole, sizes)) {
        const complete = hold.push(chunk)
        if (complete === undefined) continue
        expect(complete.at(-1)).toBe(10)
        lines.push(Buffer.from(complete))
      }
      const end = whole.lastIndexOf(10) + 1
      expect(Buffer.concat(lines)).toEqual(whole.subarray(0, end))
      expect(hold.take() ?? Buffer.alloc(0)).toEqual(whole.subarray(end))
      expect(hold.isEmpty()).toBe(true)
    }),
  )
})

test('a line beyond the limit goes on as a line of its own', () => {
  const hold = createLineHold(10)
  expect(hold.push(Buffer.from('123456'))).toBeUndefined()
  expect(hold.push(Buffer.from('789012'))?.toString()).toBe('123456789012\n')
  expect(hold.push(Buffer.from('3\n'))?.toString()).toBe('3\n')
})

function* chunksOf(whole: Buffer, sizes: number[]): Generator<Buffer> {
  let from = 0
  for (const size of sizes) {
    yield Buffer.from(whole.subarray(from, from + size))
    from += size
  }
  yield Buffer.from(whole.subarray(from))
}
