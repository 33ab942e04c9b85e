import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { systemClock } from '../../../daemon/kernel/clock.ts'
import { openLogFile } from '../../../daemon/kernel/log.ts'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-log-'))
  path = join(folder, 'daemon.log')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

test('one JSON object a line, mode 0600', () => {
  using file = openLogFile({ path, from: 'daemon', clock: systemClock() })
  file.log('daemon.started', { pid: 1 })
  file.log('with a\nnewline')
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { from: 'daemon', event: 'daemon.started', pid: 1 },
    { event: 'with a\nnewline' },
  ])
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

test('5,000 lines → two files of about the bound', () => {
  using file = openLogFile({ path, from: 'daemon', clock: systemClock(), maxBytes: 20_000 })
  for (let i = 0; i < 5000; i += 1) file.log('instance.exited', { i })
  expect(statSync(path).size).toBeLessThan(30_000)
  expect(statSync(`${path}.1`).size).toBeLessThan(30_000)
})

test('renamed and reopened → a new file', () => {
  using file = openLogFile({ path, from: 'daemon', clock: systemClock() })
  file.log('one')
  renameSync(path, `${path}.old`)
  file.reopen()
  file.log('two')
  expect(readFileSync(path, 'utf8')).toContain('"two"')
  expect(readFileSync(`${path}.old`, 'utf8')).not.toContain('"two"')
})

test('reopened where no file can be made → an error, and the old one is written on', () => {
  using file = openLogFile({ path, from: 'daemon', clock: systemClock() })
  renameSync(path, `${path}.old`)
  mkdirSync(path)
  expect(() => file.reopen()).toThrow(expect.objectContaining({ code: 'OPERATION_FAILED' }))
  file.log('still')
  expect(readFileSync(`${path}.old`, 'utf8')).toContain('"still"')
})
