import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, it, test } from 'vitest'

import { packageVersion } from '../../../src/config/package-version.ts'
import { splitWords } from '../../../src/config/split-words.ts'

test.each([
  ['', []],
  ['  a   b ', ['a', 'b']],
  ['"a b" c', ['a b', 'c']],
  [`'a "b"' c`, ['a "b"', 'c']],
  ['--x="a b"', ['--x=a b']],
  ['a\\ b', ['a b']],
  [`'a\\b'`, ['a\\b']],
  ['""', ['']],
  ['"unclosed x', ['unclosed x']],
])('splitWords %j', (text, words) => {
  expect(splitWords(text)).toEqual(words)
})

it('packageVersion: the nearest package.json upwards', () => {
  const root = mkdtempSync(join(tmpdir(), 'lbm-version-'))
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{"version":"2.0.0"}')
  expect(packageVersion(join(root, 'a/b'))).toBe('2.0.0')
  writeFileSync(join(root, 'a/package.json'), '{}')
  expect(packageVersion(join(root, 'a/b'))).toBe('N/A')
  writeFileSync(join(root, 'a/package.json'), '{broken')
  expect(packageVersion(join(root, 'a/b'))).toBe('N/A')
  rmSync(root, { recursive: true })
})
