import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import {
  makeMomentaryFolder,
  removeMomentaryFolder,
} from '../../../daemon/kernel/momentary-folder.ts'

function place() {
  const dir = mkdtempSync(join(tmpdir(), 'momentary-'))
  return {
    path: join(dir, 'run', 'pipes'),
    dir,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  }
}

const hasMemory = existsSync('/dev/shm')

test.runIf(hasMemory)('it is in memory, for its owner alone, and nothing of it is left', () => {
  using at = place()
  makeMomentaryFolder(at.path)
  const target = readlinkSync(at.path)
  expect(target).toMatch(/^\/dev\/shm\/lbm-/)
  expect(lstatSync(target).mode & 0o777).toBe(0o700)
  writeFileSync(join(at.path, 'name'), '')
  removeMomentaryFolder(at.path)
  expect([existsSync(at.path), existsSync(target)]).toEqual([false, false])
})

test.runIf(hasMemory)('made again, it is empty, and the one before is gone', () => {
  using at = place()
  makeMomentaryFolder(at.path)
  writeFileSync(join(at.path, 'name'), '')
  const before = readlinkSync(at.path)
  makeMomentaryFolder(at.path)
  expect([existsSync(before), existsSync(join(at.path, 'name'))]).toEqual([false, false])
  removeMomentaryFolder(at.path)
})

test('a folder on the disk, as an earlier version made it, goes too', () => {
  using at = place()
  mkdirSync(at.path, { recursive: true })
  writeFileSync(join(at.path, 'name'), '')
  removeMomentaryFolder(at.path)
  expect(existsSync(at.path)).toBe(false)
  removeMomentaryFolder(at.path)
})

test('a link to elsewhere is removed, and what it points to is not', () => {
  using at = place()
  const elsewhere = join(at.dir, 'elsewhere')
  mkdirSync(elsewhere)
  mkdirSync(join(at.dir, 'run'))
  symlinkSync(elsewhere, at.path)
  removeMomentaryFolder(at.path)
  expect([existsSync(at.path), existsSync(elsewhere)]).toEqual([false, true])
})
