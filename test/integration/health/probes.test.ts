import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { isSameProcess, pidStart } from '../../../daemon/kernel/process-identity.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { ask } from '../../helpers/ask.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { until } from '../../helpers/until.ts'
import { http, quick, sick, tempDir } from './app.ts'

const cluster = (policy: AppSpec['balance']['policy'] = 'least-connections'): Partial<AppSpec> => ({
  instances: 2,
  mode: 'cluster',
  balance: { policy, weights: [], queueTimeoutMs: 5000, proxyProtocol: false },
})

const MODES: [string, Partial<AppSpec>][] = [
  ['cluster', cluster()],
  ['cluster with balance kernel', cluster('kernel')],
  ['fork', {}],
]

const tell = (supervisor: RunningSupervisor, id: number, message: string): Promise<unknown> =>
  supervisor.api.request('instances.message', { key: 'app', ids: [id], message })

const pids = ({ states }: RunningSupervisor): number[] => [...states.values()].map(({ pid }) => pid)

describe.each(MODES)('%s', (name, mode) => {
  test('readiness fails → that instance alone is unready, not killed; holds again → ready', async () => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    await supervisor.start(sick(port, { ...mode, readiness: quick(http('/readyz')) }))
    const { pid } = await supervisor.state(0, ({ phase }) => phase === 'ready')
    await tell(supervisor, 0, '/unready')
    const unready = await supervisor.state(0, ({ phase }) => phase === 'unready')
    const complaint = 'its readiness probe fails: GET /readyz answered 503'
    expect(unready).toMatchObject({ pid, notes: [complaint] })
    if (name !== 'fork') {
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port)))
      expect(new Set(answers.map((answer) => answer.pid))).toEqual(
        new Set([supervisor.states.get(1)?.pid]),
      )
    }
    await tell(supervisor, 0, '/ready')
    const ready = await supervisor.state(0, ({ phase }) => phase === 'ready')
    expect(ready).toMatchObject({ pid, notes: [] })
    expect(supervisor.events.filter(({ type }) => type === 'instance.readiness')).toMatchObject([
      { id: 0, ready: false, message: complaint },
      { id: 0, ready: true },
    ])
  })

  test('liveness fails → another is ready first: 0 requests lost, the reason on record', async () => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    await supervisor.start(sick(port, { ...mode, liveness: quick(http('/livez')) }))
    const { pid } = supervisor.states.get(0)!
    const load = startLoad({ port, post: false })
    await tell(supervisor, 0, '/unwell')
    const told = performance.now()
    const after = await supervisor.state(0, (now) => now.pid !== pid && now.lastExit?.pid === pid)
    const ms = Math.round(performance.now() - told)
    const { requests, failures } = await load.stop()
    printFigure(
      `${name}: unwell → replaced and gone in ${ms} ms, ${failures.length} of ${requests} requests failed`,
    )
    expect(failures).toEqual([])
    expect(after.lastExit).toMatchObject({
      requestedBy: 'probe',
      message: 'its liveness probe failed: GET /livez answered 500',
    })
    expect(after.restarts).toBe(1)
  })
})

test('readiness: the first success makes it ready, soon and not a period later', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const started = performance.now()
  const readiness = quick({ ...http('/readyz'), periodMs: 10_000 })
  const [outcome] = await supervisor.start(sick(port, { env: { BOOT_MS: '700' }, readiness }))
  expect(outcome?.result).toBe('ready')
  expect(performance.now() - started).toBeLessThan(4000)
})

test.each([
  ['another port', { port: 1 }, 'nothing listens on port 1'],
  ['an answer of 503', {}, 'GET /readyz answered 503'],
  ['a status that is not expected', { path: '/', status: [204] }, 'GET / answered 200'],
])('readiness: %s → not ready in time, and told why', async (_case, given, found) => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const [outcome] = await supervisor.start(
    sick(port, {
      env: { READY: 'no' },
      listenTimeoutMs: 1500,
      readiness: quick(http('/readyz', given)),
    }),
  )
  expect(outcome).toMatchObject({
    result: 'timed-out',
    message: `not ready within 1500 ms (listen_timeout): its readiness probe fails: ${found}`,
  })
})

test('startup: fails too often → ended, with the reason; liveness is not asked before', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const [outcome] = await supervisor.start(
    sick(port, {
      env: { READY: 'no' },
      startup: quick({ ...http('/readyz'), failureThreshold: 4 }),
      liveness: quick({ ...http('/nowhere', { status: [418] }), periodMs: 50 }),
    }),
  )
  expect(outcome).toMatchObject({
    result: 'failed',
    message: 'its startup probe failed: GET /readyz answered 503',
  })
})

test('a reload to a version whose probe answers 503 → rolled back', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const readiness = quick(http('/readyz'))
  const app = sick(port, { ...cluster(), listenTimeoutMs: 1500, readiness })
  await supervisor.start(app)
  const before = pids(supervisor)
  const outcome = await supervisor.api.request('app.reload', {
    key: 'app',
    spec: { ...app, env: { ...app.env, READY: 'no' } },
    by: 'command',
    supersede: false,
  })
  expect(outcome.result).toBe('rolled-back')
  expect(outcome.message).toContain('GET /readyz answered 503')
  expect(pids(supervisor)).toEqual(before)
})

test('tcp: the instance itself takes the connection', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const app = sick(port, { ...cluster('reuseport'), readiness: quick({ tcp: {} }) })
  const [outcome] = await supervisor.start(app)
  expect(outcome?.result).toBe('ready')
})

test('exec: exit code 0 is success; it has the environment of the app', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const check = 'process.exit(process.env.WANTED === "1" && process.env.LBM_PID > 1 ? 0 : 9)'
  const readiness = quick({ exec: { command: [process.execPath, '-e', check] }, timeoutMs: 5000 })
  const [outcome] = await supervisor.start(sick(port, { env: { WANTED: '1' }, readiness }))
  expect(outcome?.result).toBe('ready')
})

test('exec: fails with what it printed; beyond its time-out it is killed with its children', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  using folder = tempDir()
  const file = join(folder.dir, 'pid')
  const fails = { command: ['sh', '-c', 'echo "no disk" >&2; exit 4'] }
  const [first] = await supervisor.start(
    sick(port, { listenTimeoutMs: 1000, readiness: quick({ exec: fails, timeoutMs: 5000 }) }),
  )
  expect(first?.message).toContain('its readiness probe fails: exit code 4: no disk')
  const hangs = { command: ['sh', '-c', `sleep 60 & echo $! > ${file}; wait`] }
  const [second] = await supervisor.start(
    sick(port, { listenTimeoutMs: 1500, readiness: quick({ exec: hangs, timeoutMs: 300 }) }),
  )
  expect(second?.message).toContain('its readiness probe fails: no answer within 300 ms')
  const child = Number(readFileSync(file, 'utf8'))
  await until(() => pidStart(child) === 0)
})

test('a program that is not Node: probed at its port, started anew in its own place', async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const { interpreter: _, ...program } = sampleSpec({
    name: 'app',
    script: process.execPath,
    args: [join(FIXTURES, 'sick.cjs')],
    cwd: FIXTURES,
    interpreterName: 'none',
    runtime: 'other',
    env: { PORT: String(port) },
    readiness: quick(http('/readyz')),
    liveness: quick(http('/livez')),
  })
  const [outcome] = await supervisor.start(program)
  expect(outcome?.result).toBe('ready')
  const { pid, pidStart: start } = supervisor.states.get(0)!
  await ask(port, '/unwell')
  const after = await supervisor.state(0, (now) => now.phase === 'ready' && now.pid !== pid)
  expect(after.lastExit).toMatchObject({ requestedBy: 'probe', pid })
  expect(isSameProcess(pid, start)).toBe(false)
})

test('https: it serves, whatever its certificate is worth', async () => {
  using folder = tempDir()
  const subject = ['-subj', '/CN=nobody', '-days', '2', '-nodes']
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const files = ['-keyout', join(folder.dir, 'key.pem'), '-out', join(folder.dir, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { stdio: 'ignore' })
  await using supervisor = await startSupervisor()
  const app = sampleSpec({
    name: 'app',
    script: join(FIXTURES, 'https.cjs'),
    cwd: FIXTURES,
    env: { PORT: String(await freePort()), TLS_DIR: folder.dir },
    listenTimeoutMs: 2000,
  })
  const encrypted = { ...app, readiness: quick(http('/', { scheme: 'https' })) }
  expect((await supervisor.start(encrypted))[0]?.result).toBe('ready')
  await supervisor.api.request('instances.stop', { key: 'app', ids: [0], by: 'command' })
  const [plain] = await supervisor.start({ ...app, readiness: quick(http('/')) })
  expect(plain?.message).toMatch(
    /its readiness probe fails: (the connection was closed|what answers|read ECONNRESET)/,
  )
})
