import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { signalPid } from '../../../daemon/kernel/process-tree.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { processesOf } from '../../helpers/processes.ts'
import { fixtureSpec, type RunningDaemon, startDaemon } from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const traceOf = (daemon: RunningDaemon): string => join(daemon.home.root, 'trace')
const traced = (daemon: RunningDaemon): string[] =>
  readFileSync(traceOf(daemon), 'utf8').trim().split('\n')

/** A service that traces its life and takes a moment for each step. */
function app(daemon: RunningDaemon, name: string, more: Partial<AppSpec> = {}): AppSpec {
  const env = { TRACE: traceOf(daemon), LBM_HOME: daemon.home.root, MS: '300', STOP_MS: '200' }
  return fixtureSpec('traced.cjs', { name, waitReady: true, env, ...more })
}

function job(daemon: RunningDaemon, name: string, env: Record<string, string>): AppSpec {
  return fixtureSpec('job.cjs', {
    name,
    job: { overlap: 'skip' },
    autorestart: false,
    env: { TRACE: traceOf(daemon), LBM_HOME: daemon.home.root, ...env },
  })
}

/** Index of each line, −1 for one that is not there. */
function order(lines: string[], ...wanted: string[]): number[] {
  return wanted.map((line) => lines.indexOf(line))
}

const isAscending = (numbers: number[]): boolean =>
  numbers.every((number, i) => number >= 0 && (i === 0 || number > (numbers[i - 1] ?? 0)))

/** web needs api (ready), which needs db (ready) and migrate (completed). */
async function startChain(daemon: RunningDaemon): Promise<void> {
  writeFileSync(traceOf(daemon), '')
  await daemon.start(app(daemon, 'db'))
  await daemon.start(job(daemon, 'migrate', { MS: '300' }))
  await daemon.start(app(daemon, 'api', { dependsOn: { db: 'ready', migrate: 'completed' } }))
  await daemon.start(app(daemon, 'web', { dependsOn: { api: 'ready' } }))
}

const CHAIN_UP = ['db begins', 'db ready', 'api begins', 'api ready', 'web begins', 'web ready']
const CHAIN_DOWN = ['web stopped', 'api stopped', 'db stopped']

test(
  'stop all, start all, delete all: up in order, down in reverse',
  { timeout: 40_000 },
  async () => {
    await using daemon = await startDaemon()
    await startChain(daemon)
    writeFileSync(traceOf(daemon), '')
    await daemon.call('app.stop', { selectors: ['all'] })
    expect(traced(daemon)).toEqual(CHAIN_DOWN)
    writeFileSync(traceOf(daemon), '')
    const { apps } = await daemon.call('app.startExisting', { selectors: ['all'], wait: true })
    expect(apps.flatMap(({ outcomes }) => outcomes.map(({ result }) => result))).toEqual([
      'ready',
      'ready',
      'ready',
    ])
    expect(traced(daemon)).toEqual(CHAIN_UP)
    writeFileSync(traceOf(daemon), '')
    await daemon.call('app.delete', { selectors: ['all'] })
    expect(traced(daemon)).toEqual(CHAIN_DOWN)
  },
)

test('a boot after a power cut, and kill: the same order', { timeout: 40_000 }, async () => {
  await using daemon = await startDaemon()
  await startChain(daemon)
  // Lowest pids first: the daemon, so that it brings nothing back.
  for (const { pid } of processesOf(daemon.home.root)) signalPid(pid, 'SIGKILL')
  await until(() => processesOf(daemon.home.root).length === 0)
  writeFileSync(traceOf(daemon), '')
  daemon.spawn().unref()
  await daemon.answers()
  await daemon.listed((list) => list.filter(({ phase }) => phase === 'ready').length === 3)
  // The migration had completed: it is not run again, and api does not wait for it.
  expect(traced(daemon)).toEqual(CHAIN_UP)
  writeFileSync(traceOf(daemon), '')
  await daemon.call('daemon.kill', {})
  expect(traced(daemon)).toEqual(CHAIN_DOWN)
})

test('save and resurrect: the same order', { timeout: 40_000 }, async () => {
  await using daemon = await startDaemon()
  await startChain(daemon)
  await daemon.call('state.save', { force: false })
  await daemon.call('app.delete', { selectors: ['all'] })
  writeFileSync(traceOf(daemon), '')
  const { apps } = await daemon.call('state.resurrect', { wait: true })
  const results = apps.map(({ name, outcomes }) => `${name} ${outcomes[0]?.result}`)
  expect(results).toEqual(['db ready', 'migrate stopped', 'api ready', 'web ready'])
  expect(traced(daemon)).toEqual(CHAIN_UP)
})

describe('what it needs', () => {
  test('started: the process is enough', async () => {
    await using daemon = await startDaemon()
    writeFileSync(traceOf(daemon), '')
    const slow = app(daemon, 'slow')
    const spec = { ...slow, env: { ...slow.env, MS: '2500' } }
    const starting = daemon.start(spec)
    await until(() => traced(daemon).includes('slow begins'))
    await daemon.start(app(daemon, 'quick', { dependsOn: { slow: 'started' } }))
    await starting
    expect(isAscending(order(traced(daemon), 'slow begins', 'quick ready', 'slow ready'))).toBe(
      true,
    )
  })

  test('is on its way: a start without waiting answers at once and says what it waits for', async () => {
    await using daemon = await startDaemon()
    writeFileSync(traceOf(daemon), '')
    const starting = daemon.start(job(daemon, 'migrate', { MS: '1500' }))
    await until(() => traced(daemon).includes('migrate begins'))
    const spec = app(daemon, 'api', { dependsOn: { migrate: 'completed' } })
    const { outcomes } = await daemon.call('app.start', { spec, force: false, wait: false })
    expect(outcomes).toMatchObject([
      { result: 'started', message: 'waits for migrate (completed)' },
    ])
    const api = (await daemon.list()).find(({ name }) => name === 'api')
    expect(api).toMatchObject({
      phase: 'starting',
      pid: 0,
      notes: ['waits for migrate (completed)'],
    })
    await starting
    await daemon.listed((list) =>
      list.some(({ name, phase }) => name === 'api' && phase === 'ready'),
    )
    expect(isAscending(order(traced(daemon), 'migrate ends', 'api begins'))).toBe(true)
  })

  test('fails → it is not started, and is told why', async () => {
    await using daemon = await startDaemon()
    const failing = daemon.start(job(daemon, 'migrate', { MS: '700', CODE: '3' }))
    await daemon.listed((list) => list.some(({ pid }) => pid > 0))
    const { outcomes } = await daemon.start(
      app(daemon, 'api', { dependsOn: { migrate: 'completed' } }),
    )
    expect(outcomes).toMatchObject([
      {
        result: 'failed',
        message: 'api needs migrate (completed), which did not complete its last run.',
      },
    ])
    await failing
    expect(traced(daemon)).toEqual(['migrate begins', 'migrate ends'])
  })

  test('is stopped while it is waited for, or the one that waits is', async () => {
    await using daemon = await startDaemon()
    const starting = daemon.start(job(daemon, 'migrate', { MS: '60000' }))
    await daemon.listed((list) => list.some(({ pid }) => pid > 0))
    const waiting = daemon.start(app(daemon, 'api', { dependsOn: { migrate: 'completed' } }))
    const other = daemon.start(app(daemon, 'web', { dependsOn: { migrate: 'completed' } }))
    await daemon.listed((list) => list.length === 3)
    await daemon.call('app.stop', { selectors: ['web'] })
    expect((await other).outcomes).toMatchObject([
      { result: 'failed', message: '"web" was stopped while it waited to start.' },
    ])
    await daemon.call('app.stop', { selectors: ['migrate'] })
    expect((await waiting).outcomes).toMatchObject([{ result: 'failed' }])
    await starting
    expect((await daemon.list()).map(({ phase }) => phase)).toEqual([
      'stopped',
      'stopped',
      'stopped',
    ])
  })

  test('is not there → refused, nothing registered; a circle over two commands → refused', async () => {
    await using daemon = await startDaemon()
    await expect(
      daemon.start(app(daemon, 'api', { dependsOn: { db: 'ready' } })),
    ).rejects.toMatchObject({
      code: 'APP_NOT_FOUND',
      message: 'api depends on "db", and there is no such app.',
    })
    expect(await daemon.list()).toEqual([])
    await daemon.start(app(daemon, 'db'))
    await daemon.start(app(daemon, 'api', { dependsOn: { db: 'ready' } }))
    const circular = app(daemon, 'db', { dependsOn: { api: 'ready' } })
    await expect(
      daemon.call('app.restart', {
        selectors: ['db'],
        specs: [circular],
        wait: true,
        rolling: false,
      }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('circle') as string,
    })
  })
})
