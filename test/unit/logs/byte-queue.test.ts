import fc from 'fast-check'
import { expect, test } from 'vitest'

import {
  type ByteQueue,
  countLines,
  createByteQueue,
  createSlabPool,
  SLAB_BYTES,
} from '../../../daemon/supervisor/logs/byte-queue.ts'

type Command =
  | { type: 'append'; text: string; times: number }
  | { type: 'consume'; part: number }
  | { type: 'remove'; from: number; to: number }

const part = fc.double({ min: 0, max: 1, noNaN: true })
const command: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    type: fc.constant('append' as const),
    text: fc.stringMatching(/^[ab\n]{1,20}$/),
    times: fc.constantFrom(1, 3, 900, SLAB_BYTES / 8),
  }),
  fc.record({ type: fc.constant('consume' as const), part }),
  fc.record({ type: fc.constant('remove' as const), from: part, to: part }),
)

test('a queue behaves as one string, whatever is appended, consumed and removed', () => {
  fc.assert(
    fc.property(
      fc.array(command, { maxLength: 20 }),
      fc.array(part, { maxLength: 5 }),
      (commands, places) => {
        const queue = createByteQueue(createSlabPool())
        let model = ''
        for (const step of commands) model = run(step, queue, model)

        expect(queue.size()).toBe(model.length)
        expect(Buffer.concat(queue.views(model.length)).toString()).toBe(model)
        for (const place of places) {
          const at = Math.floor(place * model.length)
          expect(queue.lastLineEnd(at)).toBe(model.slice(0, at).lastIndexOf('\n') + 1)
          expect(queue.nextLineEnd(at)).toBe(
            model.indexOf('\n', at) === -1 ? -1 : model.indexOf('\n', at) + 1,
          )
          expect(queue.byteAt(at)).toBe(model[at]?.charCodeAt(0))
        }
      },
    ),
    { numRuns: 200 },
  )
})

function run(step: Command, queue: ByteQueue, model: string): string {
  switch (step.type) {
    case 'append': {
      const text = step.text.repeat(step.times)
      queue.append(Buffer.from(text))
      return model + text
    }
    case 'consume': {
      const count = Math.floor(step.part * model.length)
      queue.consume(count)
      return model.slice(count)
    }
    case 'remove': {
      const [from = 0, to = 0] = [step.from, step.to]
        .map((at) => Math.floor(at * model.length))
        .toSorted((a, b) => a - b)
      expect(queue.remove(from, to).toString()).toBe(model.slice(from, to))
      return model.slice(0, from) + model.slice(to)
    }
  }
}

test('an empty queue holds no memory: its slab serves the next one', () => {
  const pool = createSlabPool()
  const first = createByteQueue(pool)
  first.append(Buffer.from('x'))
  const slab = first.views(1)[0]?.buffer
  first.consume(1)
  const second = createByteQueue(pool)
  second.append(Buffer.from('y'))
  expect(second.views(1)[0]?.buffer).toBe(slab)
})

test('lines are counted by their newlines', () => {
  expect(countLines(Buffer.from('a\n\nb\nc'))).toBe(3)
})
