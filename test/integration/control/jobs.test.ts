import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { AppSpec, RunRecord } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import { ask } from '../../helpers/ask.ts'
import { freePort } from '../../helpers/free-port.ts'
import { fixtureSpec, type RunningDaemon, startDaemon } from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const EACH_SECOND = '* * * * * *'

function job(
  daemon: RunningDaemon,
  env: Record<string, string>,
  more: Partial<AppSpec> = {},
): AppSpec {
  return fixtureSpec('job.cjs', {
    name: 'job',
    job: { overlap: 'skip' },
    autorestart: false,
    env: { TRACE: traceOf(daemon), ...env },
    ...more,
  })
}

const traceOf = (daemon: RunningDaemon): string => join(daemon.home.root, 'trace')
const traced = (daemon: RunningDaemon): string[] =>
  readFileSync(traceOf(daemon), 'utf8').trim().split('\n')

async function runsOf(daemon: RunningDaemon): Promise<RunRecord[]> {
  const { apps } = await daemon.call('app.describe', { selectors: ['job'] })
  return apps[0]?.record.runs ?? []
}

/** Resolves when there are so many. */
const runs = (daemon: RunningDaemon, count: number): Promise<RunRecord[]> =>
  until(async () => {
    const all = await runsOf(daemon).catch(() => [])
    return all.length >= count ? all : undefined
  })

test('start waits for its end: completed; it is not started again, and its run is on record', async () => {
  await using daemon = await startDaemon()
  const { outcomes } = await daemon.start(job(daemon, { MS: '300' }))
  expect(outcomes).toMatchObject([{ result: 'completed' }])
  expect(await daemon.list()).toMatchObject([{ phase: 'stopped', pid: 0, restarts: 0 }])
  const [run, ...others] = await runsOf(daemon)
  expect(run).toMatchObject({ result: 'completed', code: 0, signal: null })
  expect(run?.durationMs).toBeGreaterThanOrEqual(300)
  expect(others).toEqual([])
})

test('one that fails → failed with its exit code; no restart', async () => {
  await using daemon = await startDaemon()
  const { outcomes } = await daemon.start(job(daemon, { CODE: '3' }))
  expect(outcomes).toMatchObject([{ result: 'failed', exit: { code: 3 } }])
  expect(await runsOf(daemon)).toMatchObject([{ result: 'failed', code: 3 }])
  expect(traced(daemon)).toEqual(['job begins', 'job ends'])
})

test('one that cannot be spawned → failed', async () => {
  await using daemon = await startDaemon()
  const spec = job(daemon, {}, { interpreter: '/nowhere/node' })
  expect((await daemon.start(spec)).outcomes).toMatchObject([{ result: 'failed' }])
})

test('a job that computes for longer than listen_timeout goes on; max_age ends it as failed', async () => {
  await using daemon = await startDaemon()
  const late = await daemon.start(job(daemon, { MS: '1500' }, { listenTimeoutMs: 200 }))
  expect(late.outcomes).toMatchObject([{ result: 'completed' }])
  const spec = job(daemon, { MS: '60000' }, { name: 'aged', maxAgeMs: 800 })
  const aged = await daemon.start(spec)
  expect(aged.outcomes).toMatchObject([{ result: 'failed', exit: { requestedBy: 'max-age' } }])
})

test('stop in its midst → stopped; started by name it runs again; "start all" and "restart all" leave it', async () => {
  await using daemon = await startDaemon()
  await daemon.call('app.start', { spec: job(daemon, { MS: '60000' }), force: false, wait: false })
  await daemon.listed(([one]) => (one?.pid ?? 0) > 0)
  await daemon.call('app.stop', { selectors: ['job'] })
  expect(await runs(daemon, 1)).toMatchObject([{ result: 'stopped' }])
  const all = { selectors: ['all'], wait: true }
  const started = await daemon.call('app.startExisting', all)
  const restarted = await daemon.call('app.restart', { ...all, rolling: false })
  const leftAlone = { apps: [{ outcomes: [] }] }
  expect([started, restarted]).toMatchObject([leftAlone, leftAlone])
  expect(await runsOf(daemon)).toHaveLength(1)
  await daemon.call('app.startExisting', { selectors: ['job'], wait: false })
  await daemon.listed(([one]) => (one?.pid ?? 0) > 0)
})

describe('with a schedule', () => {
  const scheduled = { cronRestart: EACH_SECOND }

  test('runs at its times, not at its start; stop ends the schedule, start resumes it', async () => {
    await using daemon = await startDaemon()
    const { outcomes } = await daemon.start(job(daemon, {}, scheduled))
    expect(outcomes).toMatchObject([{ result: 'scheduled' }])
    expect(await daemon.list()).toMatchObject([{ phase: 'stopped', pid: 0 }])
    const all = await runs(daemon, 2)
    expect(all.map(({ result }) => result)).toEqual(all.map(() => 'completed'))
    const { apps } = await daemon.call('app.describe', { selectors: ['job'] })
    expect(apps[0]?.nextRunMs).toBeGreaterThan(Date.now() - 1000)
    await daemon.call('app.stop', { selectors: ['job'] })
    const stopped = await daemon.call('app.describe', { selectors: ['job'] })
    expect(stopped.apps[0]?.nextRunMs).toBeUndefined()
  })

  test('skip: no run beside another, and it is told', async () => {
    await using daemon = await startDaemon()
    const events: LbmEvent[] = []
    using peer = await daemon.connect((method, params) => {
      if (method === 'event') events.push(params as LbmEvent)
    })
    await peer.request('events.subscribe', { selectors: ['all'] })
    await daemon.start(job(daemon, { MS: '1700' }, scheduled))
    await runs(daemon, 2)
    expect(events.some(({ type }) => type === 'job.skipped')).toBe(true)
    expect(overlaps(traced(daemon))).toBe(false)
  })

  test('queue: one after another, without a pause', async () => {
    await using daemon = await startDaemon()
    const spec = job(daemon, { MS: '1700' }, { ...scheduled, job: { overlap: 'queue' } })
    await daemon.start(spec)
    const [third, second] = await runs(daemon, 3)
    expect(overlaps(traced(daemon))).toBe(false)
    const end = (second?.startedAtMs ?? 0) + (second?.durationMs ?? 0)
    // With its next time it would have begun up to a second later.
    expect((third?.startedAtMs ?? 0) - end).toBeLessThan(700)
  })

  test('kill: the one before ends for it', async () => {
    await using daemon = await startDaemon()
    const spec = job(daemon, { MS: '60000' }, { ...scheduled, job: { overlap: 'kill' } })
    await daemon.start(spec)
    expect((await runs(daemon, 2)).every(({ result }) => result === 'stopped')).toBe(true)
  })

  test('the daemon dies in the midst of a run → the run goes on, and its end is on record', async () => {
    await using daemon = await startDaemon()
    const spec = job(daemon, { MS: '1500' }, { cronRestart: '*/2 * * * * *' })
    await daemon.start(spec)
    const [one] = await daemon.listed(([first]) => (first?.pid ?? 0) > 0)
    process.kill(daemon.pid(), 'SIGKILL')
    const all = await runs(daemon, 1)
    expect(all.at(-1)).toMatchObject({ pid: one?.pid, result: 'completed' })
  })
})

test('cron_restart of a service replaces it without a moment in which nobody answers', async () => {
  await using daemon = await startDaemon()
  const port = await freePort()
  await daemon.start(
    fixtureSpec('http.cjs', { env: { PORT: String(port) }, cronRestart: '*/2 * * * * *' }),
  )
  const pids = new Set<number>()
  await until(async () => {
    pids.add((await ask(port)).pid)
    return pids.size >= 2 || undefined
  })
})

function overlaps(trace: string[]): boolean {
  return trace.some(
    (line, index) => line.endsWith('begins') && trace[index - 1]?.endsWith('begins'),
  )
}
