import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { isSameProcess, pidStart } from '../../../daemon/kernel/process-identity.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { ask, askAll } from '../../helpers/ask.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { until } from '../../helpers/until.ts'

function fixture(file: string, given: Partial<AppSpec> = {}): AppSpec {
  return sampleSpec({ name: 'app', script: join(FIXTURES, file), cwd: FIXTURES, ...given })
}

const cluster = (instances: number): Partial<AppSpec> => ({
  mode: 'cluster',
  instances,
  instancesGiven: true,
})

test.each(['http.cjs', 'http.mjs'])(
  'cluster, %s: every instance answers on one port, numbered from 0',
  async (file) => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    const outcomes = await supervisor.start(
      fixture(file, { ...cluster(3), env: { PORT: String(port) } }),
    )
    expect(outcomes.map(({ result }) => result)).toEqual(['ready', 'ready', 'ready'])
    const pids = await askAll(port, 3)
    expect(pids).toEqual(new Set([...supervisor.states.values()].map(({ pid }) => pid)))
  },
)

test.each(['http.cjs', 'http.mjs'])('fork, %s: answers', async (file) => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  await supervisor.start(fixture(file, { env: { PORT: String(port) } }))
  expect((await ask(port)).pid).toBe(supervisor.states.get(0)?.pid)
})

test('ready: kill -9 → a replacement with the same number answers, the signal is on record', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  await supervisor.start(fixture('http.cjs', { ...cluster(2), env: { PORT: String(port) } }))
  const victim = supervisor.states.get(1)?.pid ?? 0
  process.kill(victim, 'SIGKILL')
  const after = await supervisor.state(1, ({ phase, pid }) => phase === 'ready' && pid !== victim)
  expect(after).toMatchObject({
    number: 1,
    restarts: 1,
    lastExit: { kind: 'signal', signal: 'SIGKILL', code: null, pid: victim },
  })
  expect(await askAll(port, 2)).toEqual(new Set([after.pid, supervisor.states.get(0)?.pid]))
})

test('starting: throws at boot → failed, with its last lines, and nothing runs on', async () => {
  await using supervisor = await startSupervisor()
  const [outcome] = await supervisor.start(fixture('throws.cjs'))
  expect(outcome?.result).toBe('failed')
  expect(outcome?.exit?.lastLines.join('\n')).toMatch(/about to fail[^]*Error: no database/)
  expect(outcome?.exit).toMatchObject({ kind: 'exception', code: 1 })
  expect(supervisor.states.get(0)).toMatchObject({ phase: 'errored', pid: 0 })
})

test.each(['fork', 'cluster'] as const)(
  '%s: 20,000 lines and process.exit(1) → all are in the log',
  async (mode) => {
    await using supervisor = await startSupervisor()
    await supervisor.start(fixture('noisy.cjs', { mode, autorestart: false }))
    const log = join(supervisor.home.logsDir, mode === 'fork' ? 'app-out.log' : 'app-out-0.log')
    const lines = readFileSync(log, 'utf8').trimEnd().split('\n')
    expect(lines).toHaveLength(20_000)
    expect(lines.at(-1)).toMatch(/^line 19999 /)
  },
)

test('a worker that never listens is ready a second after it loaded, with a note', async () => {
  await using supervisor = await startSupervisor()
  const [outcome] = await supervisor.start(fixture('worker.cjs'))
  expect(outcome?.result).toBe('ready')
  expect(supervisor.states.get(0)?.notes).toEqual(['listens nowhere'])
})

test('wait_ready and no message → timed out, process gone', async () => {
  await using supervisor = await startSupervisor()
  const [outcome] = await supervisor.start(
    fixture('silent.cjs', { waitReady: true, listenTimeoutMs: 300 }),
  )
  expect(outcome).toMatchObject({
    result: 'timed-out',
    message: 'not ready within 300 ms (listen_timeout)',
  })
  expect(supervisor.states.get(0)).toMatchObject({ phase: 'errored', pid: 0 })
})

test('stop: a tree that ignores the signal is killed whole after kill_timeout', async () => {
  await using supervisor = await startSupervisor()
  await supervisor.start(fixture('stubborn.cjs', { killTimeoutMs: 300 }))
  const log = join(supervisor.home.logsDir, 'app-out.log')
  const child = Number(await until(() => /child (\d+)/.exec(readFileSync(log, 'utf8'))?.[1]))
  const parent = supervisor.states.get(0)?.pid ?? 0
  const starts = [pidStart(parent), pidStart(child)]
  await supervisor.api.request('instances.stop', { key: 'app', ids: [0], by: 'command' })
  expect(starts.every((start) => start > 0)).toBe(true)
  expect(isSameProcess(parent, starts[0] ?? 0)).toBe(false)
  expect(isSameProcess(child, starts[1] ?? 0)).toBe(false)
  expect(supervisor.states.get(0)).toMatchObject({
    phase: 'stopped',
    pid: 0,
    lastExit: { signal: 'SIGKILL', requestedBy: 'command' },
  })
})

test.each(['fork', 'cluster'] as const)(
  '%s, the supervisor is killed and nobody comes: an instance ends by its own stop signal',
  async (mode) => {
    await using supervisor = await startSupervisor()
    const note = join(supervisor.home.root, 'note')
    const spec = fixture('notes-signal.cjs', { mode, killSignal: 'SIGUSR2', env: { NOTE: note } })
    await supervisor.start(spec)
    process.kill(supervisor.pid, 'SIGKILL')
    const said = (): string => (existsSync(note) ? readFileSync(note, 'utf8') : '')
    expect(await until(() => said() || undefined)).toBe('SIGUSR2')
  },
)

test('stop and start: the same port answers again, with a new pid', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  await supervisor.start(fixture('http.cjs', { ...cluster(2), env: { PORT: String(port) } }))
  await supervisor.api.request('instances.stop', { key: 'app', ids: [0, 1], by: 'command' })
  await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
  await supervisor.api.request('instances.start', {
    key: 'app',
    ids: [0, 1],
    wait: true,
    rollBack: false,
  })
  expect((await askAll(port, 2)).size).toBe(2)
})

test('port in use: the outcome names who holds it', async () => {
  await using supervisor = await startSupervisor()
  await using other = await startSupervisor()
  const port = await freePort()
  await other.start(fixture('http.cjs', { env: { PORT: String(port) } }))
  const [outcome] = await supervisor.start(fixture('http.cjs', { env: { PORT: String(port) } }))
  expect(outcome?.result).toBe('failed')
  const holder = other.states.get(0)?.pid
  expect(outcome?.exit?.message).toContain(`port ${port} is in use: pid ${holder} (`)
  expect(outcome?.exit?.message).toContain('app "app", holds it')
})
