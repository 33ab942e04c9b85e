import { expect, test } from 'vitest'

import { rssOf } from '../../../daemon/kernel/process-stats.ts'
import { printFigure } from '../../helpers/figures.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { type RunningSupervisor, startSupervisor } from '../../helpers/running-supervisor.ts'
import { quick, http, sick } from './app.ts'

const MB = 1024 * 1024
const LIMIT = 200 * MB

const tell = (supervisor: RunningSupervisor, message: string): Promise<unknown> =>
  supervisor.api.request('instances.message', { key: 'app', ids: [0], message })

/** The most that any process of the app ever had, looked at every 10 ms. */
function watchPeak(supervisor: RunningSupervisor): { peak(): number } & Disposable {
  const pids = new Set<number>()
  let peak = 0
  const timer = setInterval(() => {
    for (const { pid } of supervisor.states.values()) if (pid > 0) pids.add(pid)
    for (const event of supervisor.events)
      if (event.type === 'instance.started') pids.add(event.pid)
    for (const pid of pids) peak = Math.max(peak, rssOf(pid) ?? 0)
  }, 10)
  return { peak: () => peak, [Symbol.dispose]: () => clearInterval(timer) }
}

test(
  'gains 100 MB a second with a limit of 200 MB → replaced first, peaks below 350 MB',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    await supervisor.start(sick(port, { instances: 2, maxMemoryBytes: LIMIT }))
    const { pid } = supervisor.states.get(0)!
    using watched = watchPeak(supervisor)
    const load = startLoad({ port, post: false })
    await tell(supervisor, '/leak')
    const began = performance.now()
    const after = await supervisor.state(0, (now) => now.pid !== pid && now.lastExit?.pid === pid)
    const goneMs = Math.round(performance.now() - began)
    const { requests, failures } = await load.stop()
    printFigure(
      `memory: peak ${Math.round(watched.peak() / MB)} MB at a limit of 200 MB, replaced and gone after ${goneMs} ms, ${failures.length} of ${requests} requests failed`,
    )
    expect(watched.peak()).toBeLessThan(350 * MB)
    expect(after.lastExit).toMatchObject({ requestedBy: 'memory', wasReady: true })
    expect(after.lastExit?.message).toMatch(/^used \d+\.\dmb.*max_memory_restart: 200\.0mb/)
    expect(after.lastExit?.rssBytes).toBeGreaterThan(LIMIT / 2)
    const types = supervisor.events.map(({ type }) => type)
    expect(types.lastIndexOf('instance.ready')).toBeLessThan(types.lastIndexOf('instance.exited'))
  },
)

test(
  'no replacement comes up → the old one serves on up to four thirds of its limit',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    const app = sick(port, {
      maxMemoryBytes: LIMIT,
      readiness: quick(http('/readyz')),
      listenTimeoutMs: 600,
    })
    await supervisor.start(app)
    const { pid } = supervisor.states.get(0)!
    using watched = watchPeak(supervisor)
    // For the processes to come; the one that runs is not touched.
    const spec = { ...app, env: { ...app.env, READY: 'no' } }
    const slots = [{ id: 0, number: 0, desired: 'running' as const }]
    await supervisor.api.request('app.put', {
      record: { key: 'app', spec, slots, listens: true, createdAt: 1 },
    })
    await tell(supervisor, '/leak')
    const after = await supervisor.state(0, ({ lastExit }) => lastExit?.pid === pid)
    printFigure(`memory, no replacement: peak ${Math.round(watched.peak() / MB)} MB`)
    expect(watched.peak()).toBeLessThan(350 * MB)
    expect(after.lastExit).toMatchObject({ requestedBy: 'memory', signal: 'SIGKILL' })
    expect(after.lastExit?.message).toMatch(/more than a third above max_memory_restart/)
  },
)

test(
  'a reload to a version that eats memory at boot → rolled back, told why',
  { timeout: 30_000 },
  async () => {
    await using supervisor = await startSupervisor()
    const port = await freePort()
    const app = sick(port, { maxMemoryBytes: LIMIT })
    await supervisor.start(app)
    const { pid } = supervisor.states.get(0)!
    using watched = watchPeak(supervisor)
    const spec = { ...app, env: { ...app.env, AT_BOOT: '/leak', BOOT_MS: '60000' } }
    const outcome = await supervisor.api.request('app.reload', {
      key: 'app',
      spec,
      by: 'command',
      supersede: false,
    })
    printFigure(`memory at boot: peak ${Math.round(watched.peak() / MB)} MB`)
    expect(outcome.result).toBe('rolled-back')
    expect(outcome.message).toMatch(
      /used \d+\.\dmb \(max_memory_restart: 200\.0mb\) before it was ready/,
    )
    expect(supervisor.states.get(0)).toMatchObject({ pid, phase: 'ready' })
    expect(watched.peak()).toBeLessThan(350 * MB)
  },
)

test('a start that eats memory at boot → failed with the reason', { timeout: 30_000 }, async () => {
  await using supervisor = await startSupervisor()
  const port = await freePort()
  const env = { AT_BOOT: '/leak', BOOT_MS: '60000' }
  const app = sick(port, { maxMemoryBytes: LIMIT, waitReady: true, env })
  const [outcome] = await supervisor.start(app)
  expect(outcome).toMatchObject({ result: 'failed' })
  expect(outcome?.message).toMatch(/before it was ready/)
})
