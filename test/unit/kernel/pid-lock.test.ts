import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { build } from 'esbuild'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

import { acquirePidLock, isLock } from '../../../daemon/kernel/pid-lock.ts'
import { pidStart } from '../../../daemon/kernel/process-identity.ts'

let folder: string
let path: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-lock-'))
})
beforeEach(() => {
  path = join(mkdtempSync(join(folder, 'case-')), 'daemon.pid')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const filesBeside = (): string[] => readdirSync(join(path, '..'))

test('free → held, with pid and start time inside; disposed → gone', () => {
  const lock = acquirePidLock(path)
  if (!isLock(lock)) throw new Error('not locked')
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    pid: process.pid,
    start: pidStart(process.pid),
  })
  expect([lock.isHeld(), filesBeside()]).toEqual([true, ['daemon.pid']])
  lock[Symbol.dispose]()
  expect(filesBeside()).toEqual([])
})

test('held by a living process → that process', () => {
  writeFileSync(path, JSON.stringify({ pid: process.ppid, start: pidStart(process.ppid) }))
  expect(acquirePidLock(path)).toEqual({ pid: process.ppid, start: pidStart(process.ppid) })
  expect(filesBeside()).toEqual(['daemon.pid'])
})

test.each([
  ['a pid that was given out again', JSON.stringify({ pid: process.ppid, start: 1 })],
  ['a dead process', JSON.stringify({ pid: 2 ** 22 + 1, start: 5 })],
  ['an empty file', ''],
  ['garbage', '{"pid":'],
  ['another document', 'null'],
])('held by %s → taken over', (_, text) => {
  writeFileSync(path, text)
  expect(isLock(acquirePidLock(path))).toBe(true)
  expect(filesBeside()).toEqual(['daemon.pid'])
})

test('the lock of a successor is not removed', () => {
  const lock = acquirePidLock(path)
  if (!isLock(lock)) throw new Error('not locked')
  writeFileSync(path, JSON.stringify({ pid: process.ppid, start: pidStart(process.ppid) }))
  expect(lock.isHeld()).toBe(false)
  lock[Symbol.dispose]()
  expect(filesBeside()).toEqual(['daemon.pid'])
})

test('the lock file is deleted → it is made again', () => {
  const lock = acquirePidLock(path)
  if (!isLock(lock)) throw new Error('not locked')
  rmSync(path)
  expect([lock.isHeld(), filesBeside()]).toEqual([true, ['daemon.pid']])
})

test('a dead holder and 8 processes at once → one holds it', async () => {
  const racer = join(folder, 'racer.cjs')
  await build({
    stdin: {
      contents: `
        import { acquirePidLock, isLock } from './pid-lock.ts'
        process.stdout.write('up\\n')
        process.stdin.once('data', () => {
          process.stdout.write(isLock(acquirePidLock(process.argv[2])) ? 'won\\n' : 'lost\\n')
        })`,
      resolveDir: join(import.meta.dirname, '../../../daemon/kernel'),
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: racer,
  })
  writeFileSync(path, JSON.stringify({ pid: 2 ** 22 + 1, start: 5 }))
  const racers = Array.from({ length: 8 }, () =>
    spawn(process.execPath, [racer, path], { stdio: ['pipe', 'pipe', 'inherit'] }),
  )
  try {
    await Promise.all(racers.map(nextLine))
    for (const { stdin } of racers) stdin.write('go\n')
    const outcomes = await Promise.all(racers.map(nextLine))
    expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1)
  } finally {
    for (const child of racers) child.kill('SIGKILL')
  }
})

function nextLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim()))
  })
}
