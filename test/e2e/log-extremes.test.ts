/** Readers that stand still, and disks that are full. */

import { execFileSync, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { type Cli, newCli } from '../helpers/cli.ts'
import { DIST } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { gapsIn, linesSeen, sizeOf, startFlood } from '../helpers/flood.ts'
import { privateBytes } from '../helpers/memory.ts'
import { processesOf } from '../helpers/processes.ts'
import { smallDisk } from '../helpers/small-disk.ts'
import { until } from '../helpers/until.ts'

/** 60 for the minute; the test's own are short. */
const STILL_SECONDS = Number(process.env['LBM_TEST_STILL_SECONDS'] ?? 2)
const MB = 1024 * 1024
const GROWTH_BYTES = 16 * MB

/** `lbm logs` beside the test, printing to a file. */
function reader(cli: Cli, file: string): { pid: number; ended: Promise<unknown> } {
  const fd = openSync(file, 'w')
  const child = spawn(
    process.execPath,
    [join(DIST, '../bin/lbm.js'), 'logs', 'flood', '--out', '--raw', '--lines', '0'],
    { env: { ...process.env, LBM_HOME: cli.home.root }, stdio: ['ignore', fd, 'inherit'] },
  )
  closeSync(fd)
  const ended = new Promise((resolve) => {
    child.once('exit', resolve)
  })
  return { pid: child.pid ?? 0, ended }
}

/** Watches lbm's own processes for so long. @returns how much the one grew that grew most */
async function growthWhile(cli: Cli, seconds: number): Promise<number> {
  const pids = processesOf(cli.home.root)
    .filter(({ command }) => /^lbm (daemon|supervisor)/.test(command))
    .map(({ pid }) => pid)
  expect(pids).toHaveLength(2)
  const before = pids.map(privateBytes)
  let worst = 0
  for (const end = performance.now() + seconds * 1000; performance.now() < end; await sleep(250))
    worst = Math.max(worst, ...pids.map((pid, i) => privateBytes(pid) - (before[i] ?? 0)))
  return worst
}

test.each([
  ['everything is kept', 10_000, 0],
  ['more is printed than is kept', 3, 1],
])(
  'lbm logs stands still, and %s → lbm does not grow, and the reader is told of what it missed',
  { timeout: 60_000 + 4000 * STILL_SECONDS },
  async (_, maxFiles, places) => {
    await using cli = newCli()
    const { log, stop } = await startFlood(cli, { log_max_size: '2M', log_max_files: maxFiles })
    const seen = join(cli.home.root, 'seen')
    const { pid, ended } = reader(cli, seen)
    try {
      await until(() => sizeOf(seen) > MB || undefined)
      process.kill(pid, 'SIGSTOP')
      const growth = await growthWhile(cli, STILL_SECONDS)
      process.kill(pid, 'SIGCONT')
      const [told] = await stop()
      const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? ''
      await until(() => readFileSync(seen).subarray(-4096).includes(last) || undefined, 60_000)

      const { numbers, notes, torn } = linesSeen(readFileSync(seen, 'utf8'))
      const own = numbers.get(told?.pid ?? 0) ?? []
      const gaps = gapsIn(own)
      const missing = gaps.reduce((sum, one) => sum + one.missing, 0)
      printFigure(
        `still for ${STILL_SECONDS} s at ${Math.round(((told?.lines ?? 0) * 100) / MB)} MB: ${own.length} lines read, ${missing} missed in ${gaps.length} places; lbm's processes grew by ${(growth / MB).toFixed(1)} MB`,
      )
      expect(growth).toBeLessThan(GROWTH_BYTES)
      expect(torn).toEqual([])
      // It may say so where nothing is missing after all; never the other way round.
      expect(notes.map(({ after }) => after)).toEqual(
        expect.arrayContaining(gaps.map(({ at }) => at)),
      )
      if (places === 0) expect(gaps).toEqual([])
      else expect(gaps.length).toBeGreaterThanOrEqual(places)
      expect((own[0] ?? 0) + own.length + missing).toBe(told?.lines)
      expect(told?.worstMs).toBeLessThan(2000)
    } finally {
      process.kill(pid, 'SIGKILL')
      await ended
    }
  },
)

test('the disk fills, and is emptied → the app is not held up, lbm does not grow, each line is there or counted', async ({
  skip,
}) => {
  using disk = smallDisk('2m')
  if (disk === undefined) skip('no tmpfs can be mounted here: that takes root')
  await using cli = newCli()
  const log = join(disk?.path ?? '', 'out.log')
  const { stop } = await startFlood(cli, {
    out_file: log,
    log_max_size: 0,
    env: { RATE: '4000000' },
  })
  await until(() => sizeOf(log) > 1.9 * MB || undefined)
  const growth = await growthWhile(cli, 2)
  const before = readFileSync(log, 'utf8')
  truncateSync(log)
  execFileSync('mount', ['-o', 'remount,size=64m', disk?.path ?? ''])
  await until(() => sizeOf(log) > MB || undefined)
  const [told] = await stop()

  const after = readFileSync(log, 'utf8')
  const { numbers, notes, torn } = linesSeen(before + after)
  const own = numbers.get(told?.pid ?? 0) ?? []
  const counted = notes.map(({ text, after: at }) => ({
    at,
    missing: Number(/^\[lbm\] (\d+) lines? dropped: /.exec(text)?.[1]),
  }))
  const dropped = counted.reduce((sum, { missing }) => sum + missing, 0)
  printFigure(
    `${told?.lines} lines, ${dropped} dropped and counted, ${own.length} in the file; the longest write took ${told?.worstMs.toFixed(0)} ms; lbm's processes grew by ${(growth / MB).toFixed(1)} MB`,
  )
  expect([torn, notes[0]?.text]).toEqual([
    [],
    expect.stringContaining('no space left on device') as string,
  ])
  expect(gapsIn(own)).toEqual(counted)
  expect([own[0], own.length + dropped]).toEqual([0, told?.lines])
  expect(told?.worstMs).toBeLessThan(2000)
  expect(growth).toBeLessThan(GROWTH_BYTES)
})
