import fc from 'fast-check'
import { expect, it } from 'vitest'

import { createLineSplitter } from '../../../src/contract/lines.ts'

it('any cut of a text gives the same lines', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string().map((line) => line.replaceAll('\n', ' '))),
      fc.array(fc.nat(20)),
      (lines, cuts) => {
        const text = lines.map((line) => `${line}\n`).join('')
        const seen: string[] = []
        const splitter = createLineSplitter((line) => seen.push(line))
        let at = 0
        for (const size of cuts) {
          splitter.push(text.slice(at, at + size))
          at += size
        }
        splitter.push(text.slice(at))
        expect(seen).toEqual(lines.filter((line) => line !== ''))
      },
    ),
  )
})

it('a line that is too long is refused, whole or growing', () => {
  const seen: string[] = []
  expect(createLineSplitter((line) => seen.push(line), 5).push('123456\n')).toBe(false)
  const growing = createLineSplitter((line) => seen.push(line), 5)
  expect(growing.push('1234')).toBe(true)
  expect(growing.push('56')).toBe(false)
  expect(seen).toEqual([])
})

it('an incomplete line waits', () => {
  const seen: string[] = []
  const splitter = createLineSplitter((line) => seen.push(line))
  splitter.push('a')
  expect(seen).toEqual([])
  splitter.push('b\nc')
  expect(seen).toEqual(['ab'])
})
