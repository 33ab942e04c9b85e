import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
/** `exec`, `execSync` and the option `shell` of node:child_process make a shell read a string. */
const SHELL =
  /\bshell: (?:true|'|")|import \{[^}]*\bexec(?:Sync)?\b[^}]*\} from 'node:child_process'/

test('no source has a shell read a string', () => {
  const files = ['src', 'daemon'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(ROOT, folder, name)),
  )
  expect(files.length).toBeGreaterThan(300)
  const found = files.flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    if (!text.includes('node:child_process')) return []
    return SHELL.test(text) ? [file.slice(ROOT.length + 1)] : []
  })
  expect(found).toEqual([])
})
