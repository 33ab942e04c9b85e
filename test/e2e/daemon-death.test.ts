import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { isSameProcess, pidStart } from '../../daemon/kernel/process-identity.ts'
import type { AppSpec } from '../../src/contract/app.ts'
import type { InstanceView } from '../../src/contract/instance.ts'
import { askAll } from '../helpers/ask.ts'
import { newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { type HomeWithDaemon, homeWithDaemon } from '../helpers/home-with-daemon.ts'
import { startLoad } from '../helpers/load.ts'
import { processesOf } from '../helpers/processes.ts'
import { sampleSpec } from '../helpers/sample-spec.ts'
import { until } from '../helpers/until.ts'

const DEATHS = 20

function http(name: string, port: number, given: Partial<AppSpec> = {}): AppSpec {
  return sampleSpec({
    name,
    script: join(FIXTURES, 'http.cjs'),
    cwd: FIXTURES,
    env: { PORT: String(port) },
    ...given,
  })
}

const CLUSTER: Partial<AppSpec> = { mode: 'cluster', instances: 2, instancesGiven: true }

/** What must be the same before and after, whoever tells it. */
function essence(views: readonly InstanceView[]): unknown[] {
  return views
    .map(({ id, name, number, pid, phase, restarts, startedAt, createdAt, mode, namespace }) => ({
      id,
      name,
      number,
      pid,
      phase,
      restarts,
      startedAt,
      createdAt,
      mode,
      namespace,
    }))
    .toSorted((a, b) => a.id - b.id)
}

async function killDaemon(home: HomeWithDaemon): Promise<number> {
  const { pid } = await home.call('daemon.ping', {})
  process.kill(pid, 'SIGKILL')
  const started = performance.now()
  await until(
    async () =>
      (await home.call('daemon.ping', {}).catch(() => undefined))?.pid !== pid || undefined,
  )
  await until(async () => (await home.list().catch(() => [])).length === 3 || undefined)
  return performance.now() - started
}

test(
  `the daemon is killed ${DEATHS} times under load → 0 requests lost, same pids, same list, back within a second`,
  { timeout: 120_000 },
  async () => {
    await using home = await homeWithDaemon()
    const [port, forkPort] = [await freePort(), await freePort()]
    await home.startApp(http('many', port, CLUSTER))
    await home.startApp(http('one', forkPort))
    const before = essence(await home.list())
    const loads = [startLoad({ port, slowMs: 100 }), startLoad({ port: forkPort, slowMs: 100 })]
    const backMs: number[] = []
    for (let death = 0; death < DEATHS; death += 1) {
      // Load on a daemon that is well: one that dies within its first second is taken for a crash loop.
      await sleep(1100)
      backMs.push(await killDaemon(home))
      expect(essence(await home.list())).toEqual(before)
    }
    const results = await Promise.all(loads.map((load) => load.stop()))
    const sorted = backMs.toSorted((a, b) => a - b)
    printFigure(
      `list answers again after ${Math.round(sorted[DEATHS / 2] ?? 0)} ms (median), ${Math.round(sorted.at(-1) ?? 0)} ms (worst)`,
    )
    printFigure(
      `${results.flatMap(({ failures }) => failures).length} of ${results.reduce((sum, { requests }) => sum + requests, 0)} requests failed`,
    )
    expect(results.flatMap(({ failures }) => failures)).toEqual([])
  },
)

test('no daemon: a crashed instance is restarted all the same, and its lines are in the log', async () => {
  await using home = await homeWithDaemon()
  const port = await freePort()
  await home.startApp(http('many', port, CLUSTER))
  const [victim] = await home.list()
  const { pid } = await home.call('daemon.ping', {})
  // Stopped, not killed: it is there, and does nothing.
  process.kill(pid, 'SIGSTOP')
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  expect((await askAll(port, 2)).has(victim?.pid ?? 0)).toBe(false)
  process.kill(pid, 'SIGCONT')
  const after = await until(async () =>
    (await home.list()).find((view) => view.id === victim?.id && view.restarts === 1),
  )
  expect(after.pid).not.toBe(victim?.pid)
})

test(
  'a supervisor is killed → its instances are gone, new ones answer, nothing is left over',
  { timeout: 60_000 },
  async () => {
    await using home = await homeWithDaemon()
    const [port, forkPort] = [await freePort(), await freePort()]
    await home.startApp(http('many', port, CLUSTER))
    await home.startApp(http('one', forkPort))
    for (const id of ['app-many', 'fork']) {
      const old = (await home.list()).map(({ pid }) => ({ pid, start: pidStart(pid) }))
      const { pid, instances } = JSON.parse(
        readFileSync(join(home.home.runDir, `${id}.json`), 'utf8'),
      ) as {
        pid: number
        instances: { pid: number }[]
      }
      process.kill(pid, 'SIGKILL')
      const started = performance.now()
      const mine = instances.map((instance) => instance.pid)
      await until(
        async () =>
          (await home.list()).every((view) => view.phase === 'ready' && !mine.includes(view.pid)) ||
          undefined,
      )
      await askAll(id === 'fork' ? forkPort : port, id === 'fork' ? 1 : 2)
      printFigure(
        `${id}: all instances answer again after ${Math.round(performance.now() - started)} ms`,
      )
      for (const one of old.filter((entry) => mine.includes(entry.pid)))
        expect(isSameProcess(one.pid, one.start)).toBe(false)
      // The whole process table: a daemon, two supervisors, three instances.
      await until(() => processesOf(home.home.root).length === 6 || undefined)
    }
    expect((await home.list()).map(({ lastExit }) => lastExit?.kind)).toEqual([
      'supervisor-lost',
      'supervisor-lost',
      'supervisor-lost',
    ])
  },
)

test('the daemon is killed and "lbm kill" follows at once → nothing is left, and nothing comes back', async () => {
  await using cli = newCli()
  for (let round = 0; round < 4; round += 1) {
    await cli.ok('start', join(FIXTURES, 'worker.cjs'))
    const { pid } = JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }
    process.kill(pid, 'SIGKILL')
    // Before and after the moment at which the supervisor starts the next one.
    await sleep(round * 30)
    await cli.ok('kill')
    await until(() => processesOf(cli.home.root).length === 0 || undefined, 10_000)
  }
})
