import fc from 'fast-check'
import { expect, test } from 'vitest'

import { createByteQueue, createSlabPool } from '../../../daemon/supervisor/logs/byte-queue.ts'
import { planWrite } from '../../../daemon/supervisor/logs/plan-write.ts'

/** Carries the plans out on strings; `torn` bytes at most are taken by a write, as by a disk that is nearly full. */
function writeOut(chunks: string[], maxBytes: number, dueEvery: number): string[] {
  const queue = createByteQueue(createSlabPool())
  const files = ['']
  let steps = 0
  for (const chunk of chunks) {
    queue.append(Buffer.from(chunk))
    while (queue.size() > 0) {
      steps += 1
      const file = files.at(-1) ?? ''
      const plan = planWrite({
        queue,
        fileBytes: file.length,
        maxBytes,
        isMidLine: file !== '' && !file.endsWith('\n'),
        isDue: steps % dueEvery === 0,
        restOfLineOnly: false,
      })
      if (plan.type === 'rotate') {
        expect(file).not.toBe('')
        files.push('')
        continue
      }
      expect(plan.bytes).toBeGreaterThan(0)
      files[files.length - 1] += Buffer.concat(queue.views(plan.bytes)).toString()
      queue.consume(plan.bytes)
    }
  }
  return files
}

const chunks = fc.array(fc.stringMatching(/^[abc\n]{1,40}$/), { maxLength: 40 })

test('rotated files hold every byte once, and no line is divided between two', () => {
  fc.assert(
    fc.property(
      chunks,
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 3, max: 50 }),
      (given, maxBytes, dueEvery) => {
        const files = writeOut(given, maxBytes, dueEvery)
        expect(files.join('')).toBe(given.join(''))
        for (const file of files.slice(0, -1)) expect(file.endsWith('\n')).toBe(true)
      },
    ),
  )
})

test('a file is larger than its limit only by its last line', () => {
  fc.assert(
    fc.property(chunks, fc.integer({ min: 1, max: 100 }), (given, maxBytes) => {
      for (const file of writeOut(given, maxBytes, Infinity)) {
        const lastLine = file.lastIndexOf('\n', file.length - 2) + 1
        if (file.length > maxBytes) expect(lastLine).toBeLessThan(maxBytes)
      }
    }),
  )
})

test('a program that never ends its line cannot fill the disk either', () => {
  const files = writeOut(
    Array.from({ length: 100 }, () => '.'.repeat(100_000)),
    1000,
    Infinity,
  )
  expect(files.length).toBeGreaterThan(1)
})
