import { spawnSync } from 'node:child_process'

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { quotePath, shellQuote } from '../../../src/cli/deploy/shell-quote.ts'

test('a shell sees each text as one word, whatever is in it', { timeout: 20_000 }, () => {
  const text = fc.string().filter((one) => !one.includes('\0'))
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 20 }), (words) => {
      const script = `for word in ${words.map(shellQuote).join(' ')}; do printf '%s\\0' "$word"; done`
      const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' })
      expect(stdout.split('\0').slice(0, -1)).toEqual(words)
    }),
    // A shell for each run.
    { numRuns: 30 },
  )
})

test('~/ at the beginning of a path is the remote home, elsewhere it is a character', () => {
  expect(quotePath('~/app')).toBe(`"$HOME"/'app'`)
  expect(quotePath('~')).toBe('"$HOME"')
  expect(quotePath('/srv/~/$x')).toBe(`'/srv/~/$x'`)
})
