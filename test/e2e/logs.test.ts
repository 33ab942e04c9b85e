import { mkdtempSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { newCli } from '../helpers/cli.ts'
import { printFigure } from '../helpers/figures.ts'
import { gapsIn, linesSeen, logFiles, readLog, sizeOf, startFlood } from '../helpers/flood.ts'
import { until } from '../helpers/until.ts'

const SECONDS = Number(process.env['LBM_TEST_LOG_SECONDS'] ?? 1)

test(
  '10 MB/s through many rotations, a death of the daemon and a reload → each line once, whole, in its order',
  { timeout: 60_000 + 5000 * SECONDS },
  async () => {
    await using cli = newCli()
    const { log, stop } = await startFlood(cli, {
      instances: 1,
      exec_mode: 'cluster',
      merge_logs: true,
      log_max_size: '2M',
      log_max_files: 10_000,
      log_compress: true,
    })
    await sleep(SECONDS * 1000)
    const { pid } = JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }
    process.kill(pid, 'SIGKILL')
    await sleep(SECONDS * 500)
    await cli.ok('reload', 'flood')
    await sleep(SECONDS * 500)
    const told = await stop()

    const files = await logFiles(log, true)
    const { numbers, notes, torn } = linesSeen(files.map(readLog).join(''))
    expect([notes, torn]).toEqual([[], []])
    expect(new Set(numbers.keys())).toEqual(new Set(told.map((one) => one.pid)))
    for (const { pid: app, lines } of told) {
      expect([gapsIn(numbers.get(app) ?? []), numbers.get(app)?.[0]]).toEqual([[], 0])
      expect(numbers.get(app)).toHaveLength(lines)
    }
    const count = told.reduce((sum, { lines }) => sum + lines, 0)
    expect(files.length).toBeGreaterThan(5)
    printFigure(
      `${count} lines of two processes through ${files.length - 1} rotations: none missing, none twice, none torn`,
    )
  },
)

test('renamed by others: reloadLogs, or SIGUSR2 to the daemon, and what follows is in a new file', async () => {
  await using cli = newCli()
  const { log, stop } = await startFlood(cli, { env: { RATE: '100000' }, log_max_size: 0 })
  await until(() => sizeOf(log) > 0 || undefined)
  const { pid } = JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }
  for (const [suffix, reopen] of [
    ['a', () => cli.ok('reloadLogs')],
    ['b', () => process.kill(pid, 'SIGUSR2')],
  ] as const) {
    renameSync(log, `${log}.${suffix}`)
    await reopen()
    // Sooner than it would have noticed by itself.
    await until(() => sizeOf(log) > 0 || undefined, 4000)
  }
  const [told] = await stop()
  const text = [`${log}.a`, `${log}.b`, log].map((file) => readFileSync(file, 'utf8')).join('')
  const { numbers, torn } = linesSeen(text)
  expect([torn, gapsIn(numbers.get(told?.pid ?? 0) ?? [])]).toEqual([[], []])
  expect(numbers.get(told?.pid ?? 0)).toHaveLength(told?.lines ?? 0)
})

test('log_type json: one valid record a line, a long line flagged and whole', async () => {
  await using cli = newCli()
  const folder = mkdtempSync(join(cli.home.root, 'app-'))
  const script = join(folder, 'app.cjs')
  writeFileSync(
    script,
    `for (let i = 0; i < 5000; i++) console.log(i + ' "quoted" \\t €')
console.log('y'.repeat(100_000))
console.error('error')
setInterval(() => {}, 1000)
`,
  )
  const file = join(folder, 'ecosystem.json')
  writeFileSync(file, JSON.stringify({ apps: [{ name: 'j', script, log_type: 'json' }] }))
  await cli.ok('start', file)
  const records = (stream: string): Record<string, unknown>[] =>
    readFileSync(join(cli.home.logsDir, `j-${stream}.log`), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  await until(() => sizeOf(join(cli.home.logsDir, 'j-error.log')) > 0 || undefined)
  const out = await until(() => {
    const all = records('out')
    return all.length === 5001 ? all : undefined
  })
  const base = { type: 'out', process_id: 0, app_name: 'j' }
  expect(out.slice(0, 5000)).toEqual(
    Array.from({ length: 5000 }, (_, i) => ({
      ...base,
      message: `${i} "quoted" \t €`,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) as string,
    })),
  )
  expect(out.at(-1)).toMatchObject({ ...base, message: 'y'.repeat(100_000), long: true })
  expect(records('error')).toMatchObject([{ type: 'err', message: 'error' }])
})
