import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { writeFileAtomic } from '../../../daemon/kernel/atomic-file.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-file-'))
  path = join(folder, 'state.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('new and again: content, mode 0600, the one before kept', async () => {
  const backup = `${path}.bak`
  await writeFileAtomic(path, 'one', { backup })
  await writeFileAtomic(path, 'two', { backup })
  await writeFileAtomic(path, 'three', { backup })
  expect(readFileSync(path, 'utf8')).toBe('three')
  expect(readFileSync(backup, 'utf8')).toBe('two')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder).toSorted()).toEqual(['state.json', 'state.json.bak'])
})

test('a link under the temporary name is not followed', async () => {
  const victim = join(folder, 'victim')
  writeFileSync(victim, 'precious')
  symlinkSync(victim, `${path}.new`)
  await writeFileAtomic(path, 'text')
  expect(readFileSync(victim, 'utf8')).toBe('precious')
})

test('a folder that is not there → rejected, nothing left', async () => {
  await expect(writeFileAtomic(join(folder, 'no', 'state.json'), 'x')).rejects.toMatchObject({
    code: 'ENOENT',
  })
  expect(readdirSync(folder)).toEqual([])
})
