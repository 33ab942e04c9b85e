import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { isSameProcess, pidStart } from '../../../daemon/kernel/process-identity.ts'
import type { AppSpec, BalancePolicy } from '../../../src/contract/app.ts'
import type { InstanceState } from '../../../src/contract/instance.ts'
import { ask, askAll } from '../../helpers/ask.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { sampleSpec } from '../../helpers/sample-spec.ts'
import { until } from '../../helpers/until.ts'

interface World extends AsyncDisposable {
  supervisor: RunningSupervisor
  port: number
  spec: AppSpec
  /** Resolves with the pid of one that is ready, another than those. */
  spare(except?: readonly number[]): Promise<number>
  pid(id: number): number
  kill(id: number): number
  /** Resolves when another process than that is ready. */
  back(id: number, victim: number): Promise<InstanceState>
  put(change: Partial<AppSpec>): Promise<void>
}

const BALANCE = sampleSpec().balance

/** Two instances and a spare. */
async function startWorld(given: Partial<AppSpec> = {}): Promise<World> {
  const supervisor = await startSupervisor()
  const port = await freePort()
  const spec = sampleSpec({
    name: 'app',
    script: join(FIXTURES, 'spare.cjs'),
    cwd: FIXTURES,
    mode: 'cluster',
    instances: 2,
    instancesGiven: true,
    spare: 1,
    drainIdleMs: 200,
    incrementVar: 'BASE',
    ...given,
    env: {
      PORT: String(port),
      INSTANCES: '2',
      BASE: '100',
      LBM_HOME: supervisor.home.root,
      ...given.env,
    },
  })
  await supervisor.start(spec)
  const pid = (id: number): number => supervisor.states.get(id)?.pid ?? 0
  return {
    supervisor,
    port,
    spec,
    pid,
    spare: (except = []) =>
      until(() => {
        const ready = supervisor.states.get(0)?.spares?.find(({ phase }) => phase === 'ready')
        return ready === undefined || except.includes(ready.pid) ? undefined : ready.pid
      }),
    kill(id) {
      const victim = pid(id)
      process.kill(victim, 'SIGKILL')
      return victim
    },
    back: (id, victim) =>
      supervisor.state(id, (state) => state.phase === 'ready' && state.pid !== victim),
    async put(change) {
      const slots = [0, 1].map((id) => ({ id, number: id, desired: 'running' as const }))
      const record = { key: 'app', slots, listens: true, createdAt: 0 }
      await supervisor.api.request('app.put', {
        record: { ...record, spec: { ...spec, ...change } },
      })
    },
    [Symbol.asyncDispose]: () => supervisor[Symbol.asyncDispose](),
  }
}

/** What each of them says of itself. */
async function who(port: number, pid: number): Promise<Record<string, unknown>> {
  return await until(async () => {
    const told = JSON.parse((await ask(port, '/who')).body) as Record<string, unknown>
    return told['pid'] === pid ? told : undefined
  })
}

test('kill -9 → the spare has its number, its id and its variables, and knows it', async () => {
  await using world = await startWorld()
  const spare = await world.spare()
  const victim = world.kill(1)
  const after = await world.back(1, victim)
  expect(after).toMatchObject({ pid: spare, number: 1, restarts: 1, phase: 'ready', notes: [] })
  expect(after.listening).toMatchObject([{ port: world.port }])
  expect(after.lastExit).toMatchObject({ pid: victim, signal: 'SIGKILL' })
  expect(await askAll(world.port, 2)).toEqual(new Set([spare, world.pid(0)]))
  expect(await who(world.port, spare)).toMatchObject({
    born: '2',
    number: '1',
    instance: '1',
    id: '1',
    base: '101',
    chosen: [{ id: 1, number: 1 }],
    early: 0,
  })
  const pidFile = join(world.supervisor.home.pidsDir, 'app-1.pid')
  expect(Number(readFileSync(pidFile, 'utf8'))).toBe(spare)
  // And there is another one, which is not the number's.
  const next = await world.spare([spare])
  expect([world.pid(0), world.pid(1), victim]).not.toContain(next)
})

test.each<BalancePolicy>(['least-connections', 'kernel', 'reuseport', 'ip-hash', 'sticky'])(
  '%s: killed ten times under load → only what was in flight there is lost, the spare answers',
  { timeout: 60_000 },
  async (policy) => {
    await using world = await startWorld({ balance: { ...BALANCE, policy }, minUptimeMs: 0 })
    const load = startLoad({ port: world.port, keepAlive: 6, fresh: 6 })
    const known = new Set<number>()
    const backMs: number[] = []
    for (let death = 0; death < 10; death += 1) {
      const spare = await world.spare([...known])
      known.add(spare)
      const began = performance.now()
      const victim = world.kill(death % 2)
      expect((await world.back(death % 2, victim)).pid).toBe(spare)
      backMs.push(performance.now() - began)
    }
    const { requests, failures } = await load.stop()
    printFigure(
      `${policy}: ${failures.length} of ${requests} requests were in flight at 10 deaths; back after ${Math.round(backMs.toSorted((a, b) => a - b)[5] ?? 0)} ms (median)`,
    )
    expect(
      failures.filter((text) => !/ECONNRESET|socket hang up|broke off|EPIPE/.test(text)),
    ).toEqual([])
    // Each client has one request at a time.
    expect(failures.length).toBeLessThanOrEqual(10 * 12)
  },
)

test('all instances die at once: one number is taken, the others start anew', async () => {
  await using world = await startWorld()
  const spare = await world.spare()
  const victims = [world.kill(0), world.kill(1)]
  const after = await Promise.all([world.back(0, victims[0] ?? 0), world.back(1, victims[1] ?? 0)])
  expect(after.filter(({ pid }) => pid === spare)).toHaveLength(1)
  expect(await askAll(world.port, 2)).toEqual(new Set(after.map(({ pid }) => pid)))
})

test('stop: no process is left; start: there is a spare again', async () => {
  await using world = await startWorld()
  const { api, home } = world.supervisor
  const spare = await world.spare()
  const born = pidStart(spare)
  await api.request('instances.stop', { key: 'app', ids: [0, 1], by: 'command' })
  expect(isSameProcess(spare, born)).toBe(false)
  const owned = (): { instances: unknown[] } =>
    JSON.parse(readFileSync(join(home.runDir, 'test.json'), 'utf8'))
  await until(() => owned().instances.length === 0 || undefined)
  await expect(ask(world.port)).rejects.toThrow('ECONNREFUSED')
  await api.request('instances.start', { key: 'app', ids: [0, 1], wait: true, rollBack: false })
  expect(await world.spare()).not.toBe(spare)
})

test('one that does not hear the stop signal is killed with the app', async () => {
  await using world = await startWorld({ env: { SPARE: 'deaf' }, killTimeoutMs: 300 })
  const spare = await world.spare()
  const born = pidStart(spare)
  await world.supervisor.api.request('app.drop', { key: 'app' })
  expect(isSameProcess(spare, born)).toBe(false)
})

test.each(['restart', 'reload'] as const)(
  '%s: a spare of before is not there after',
  async (command) => {
    await using world = await startWorld()
    const { api } = world.supervisor
    const spare = await world.spare()
    const spec = { ...world.spec, env: { ...world.spec.env, VERSION: '2' } }
    if (command === 'reload')
      await api.request('app.reload', { key: 'app', spec, by: 'command', supersede: false })
    else {
      await world.put(spec)
      const how = { by: 'command', wait: true, rolling: false } as const
      await api.request('instances.restart', { key: 'app', ids: [0, 1], ...how })
    }
    const next = await world.spare([spare])
    const victim = world.kill(0)
    expect((await world.back(0, victim)).pid).toBe(next)
    expect(await who(world.port, next)).toMatchObject({
      VERSION: '2',
      chosen: [{ id: 0, number: 0 }],
    })
  },
)

test('a reload that rolls back leaves a spare of what serves', async () => {
  await using world = await startWorld()
  const before = await world.spare()
  const spec = { ...world.spec, script: join(FIXTURES, 'throws.cjs') }
  const { result } = await world.supervisor.api.request('app.reload', {
    key: 'app',
    spec,
    by: 'command',
    supersede: false,
  })
  expect(result).toBe('rolled-back')
  const after = await world.spare([before])
  expect((await world.back(1, world.kill(1))).pid).toBe(after)
})

test('another number of spares: those that there are stay, or go', async () => {
  await using world = await startWorld()
  const ready = (): number[] =>
    (world.supervisor.states.get(0)?.spares ?? [])
      .filter(({ phase }) => phase === 'ready')
      .map(({ pid }) => pid)
  const first = await world.spare()
  await world.put({ spare: 3 })
  await until(() => ready().length === 3 || undefined)
  expect(ready()).toContain(first)
  await world.put({ spare: 1 })
  await until(() => world.supervisor.states.get(0)?.spares?.length === 1 || undefined)
  expect(ready()).toEqual([first])
  await world.put({ spare: 0 })
  await until(() => world.supervisor.states.get(0)?.spares === undefined || undefined)
  await until(() => pidStart(first) === 0 || undefined)
})

test('one that dies at boot: told, tried again with a pause; the instances are not concerned', async () => {
  await using world = await startWorld({ env: { SPARE: 'throws' } })
  const { notes } = await world.supervisor.state(0, (state) => state.notes.length > 0)
  expect(notes).toEqual([
    expect.stringMatching(
      /^its spare ended: .*Error: not as a spare at .*; another one is to come$/,
    ),
  ])
  const victim = world.kill(0)
  const after = await world.back(0, victim)
  expect(after).toMatchObject({ restarts: 1 })
  expect(await askAll(world.port, 2)).toEqual(new Set([after.pid, world.pid(1)]))
})

test('one that is killed while it waits is made again', async () => {
  await using world = await startWorld()
  const spare = await world.spare()
  process.kill(spare, 'SIGKILL')
  const next = await world.spare([spare])
  const victim = world.kill(0)
  expect((await world.back(0, victim)).pid).toBe(next)
  expect(world.supervisor.states.get(1)?.restarts).toBe(0)
})

test.each<[string, Partial<AppSpec>]>([
  ['raw', {}],
  ['with a date', { logs: { ...sampleSpec().logs, dateFormat: 'YYYY' } }],
  ['merged', { logs: { ...sampleSpec().logs, merge: true } }],
])('logs, %s: before and after it is chosen no line is lost or torn', async (_, given) => {
  await using world = await startWorld({ ...given, env: { LINES: '1500' } })
  const spare = await world.spare()
  await world.back(1, world.kill(1))
  const { logsDir } = world.supervisor.home
  const linesOf = (id: number): string[] => {
    const name = given.logs?.merge === true ? 'app-out.log' : `app-out-${id}.log`
    return readFileSync(join(logsDir, name), 'utf8').trimEnd().split('\n')
  }
  const ofSpare = (id: number): string[] =>
    linesOf(id)
      .filter((line) => line.includes(`${spare} line `))
      .map((line) => line.replace(/^.* line /, ''))
  await until(() => ofSpare(1).includes('1499') || undefined)
  const before = given.logs?.merge === true ? [] : ofSpare(0)
  expect([...before, ...ofSpare(1)]).toEqual(Array.from({ length: 1500 }, (__, n) => String(n)))
  if (given.logs?.merge !== true) expect(before.length).toBeGreaterThan(0)
  const isWhole = /^(\d{4}: )?\d+ (line \d+|boots as \d)$/
  expect([...linesOf(0), ...linesOf(1)].filter((line) => !isWhole.test(line))).toEqual([])
})

test('wait_ready and a readiness probe: taken when it has said so, ready at once', async () => {
  const readiness = {
    http: { path: '/who', status: [] },
    initialDelayMs: 0,
    periodMs: 200,
    timeoutMs: 1000,
    failureThreshold: 3,
    successThreshold: 1,
  }
  await using world = await startWorld({ waitReady: true, readiness })
  const spare = await world.spare()
  const began = performance.now()
  const after = await world.back(1, world.kill(1))
  expect(after.pid).toBe(spare)
  expect(performance.now() - began).toBeLessThan(500)
})

test('a guard wants one replaced: by the spare', async () => {
  await using world = await startWorld({ maxRequests: 40 })
  const spare = await world.spare()
  for (let turn = 0; turn < 120; turn += 1) await ask(world.port)
  const after = await until(() =>
    [0, 1].map((id) => world.supervisor.states.get(id)).find((state) => state?.pid === spare),
  )
  expect(after).toMatchObject({ generation: 2, restarts: 1 })
  expect(await who(world.port, spare)).toMatchObject({ number: String(after.number), early: 0 })
})

test('one that hangs is ended, and the spare has its number', async () => {
  await using world = await startWorld({ script: join(FIXTURES, 'sick.cjs'), hangTimeoutMs: 1500 })
  const spare = await world.spare()
  const { pid: victim } = await ask(world.port, '/hang')
  const after = await until(() =>
    [0, 1].map((id) => world.supervisor.states.get(id)).find((state) => state?.pid === spare),
  )
  expect(after.lastExit).toMatchObject({ requestedBy: 'hang', pid: victim })
  expect((await askAll(world.port, 2)).has(spare)).toBe(true)
})

test('a spare that is not well is not chosen, and is replaced where it does not get well', async () => {
  const probe = {
    http: { path: '/readyz', status: [] },
    initialDelayMs: 0,
    periodMs: 100,
    timeoutMs: 500,
    failureThreshold: 1,
    successThreshold: 1,
  }
  await using world = await startWorld({
    script: join(FIXTURES, 'spare-unready.cjs'),
    readiness: probe,
    listenTimeoutMs: 1000,
  })
  const states = (): InstanceState[] => [...world.supervisor.states.values()]
  await until(() => states()[0]?.notes.find((note) => note.includes('listen_timeout')))
  const victim = world.kill(1)
  expect(await world.back(1, victim)).toMatchObject({ restarts: 1 })
})

test('its supervisor is killed: it is in the file of what to end, and ends itself', async () => {
  await using world = await startWorld()
  const spare = await world.spare()
  const file = join(world.supervisor.home.runDir, 'test.json')
  const { instances } = JSON.parse(readFileSync(file, 'utf8')) as { instances: { pid: number }[] }
  expect(instances.map(({ pid }) => pid)).toContain(spare)
  process.kill(world.supervisor.pid, 'SIGKILL')
  await until(() => pidStart(spare) === 0 || undefined)
})

test('an upgrade: the spare of the old supervisor goes, the new one has its own', async () => {
  await using world = await startWorld()
  const { supervisor } = world
  const spare = await world.spare()
  const born = pidStart(spare)
  const program = join(DIST, 'supervisor.cjs')
  await supervisor.api.request('supervisor.upgrade', { program })
  await supervisor.reconnect()
  await until(() => !isSameProcess(spare, born) || undefined)
  const next = await until(async () => {
    const { apps } = await supervisor.api.request('supervisor.snapshot', {})
    return apps[0]?.instances[0]?.spares?.find(
      ({ phase, pid }) => phase === 'ready' && pid !== spare,
    )
  })
  expect(next.pid).not.toBe(spare)
})
