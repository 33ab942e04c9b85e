/** What each process takes, a while after it became quiet. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { allAnswer, answeredBy, askPid } from '../measure/answers.ts'
import { type MemoryFigures, memoryOf } from '../measure/process-figures.ts'
import { type Budget, samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP, FIXTURES } from '../subjects/fixtures.ts'
import { startBare, startCluster } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'
import { freePorts, servers } from '../subjects/many-apps.ts'

const COUNTS = [1, 10, 50]
const INSTANCES = 4
const REQUESTS_EACH = 100
/** V8 gives memory back some 8 s after a process has become quiet. */
const SETTLE_MS = 12_000
const MEASURES = [
  ['privateMb', 'private'],
  ['pssMb', 'PSS'],
  ['rssMb', 'RSS'],
] as const

export const memory: Part = {
  name: 'memory',
  about: 'private, PSS and RSS of daemon, supervisor and instance, with 1, 10 and 50 apps',
  async run(bench) {
    for (const count of COUNTS) await forkApps(bench, count)
    await clusterApp(bench)
  },
}

async function forkApps(bench: Bench, count: number): Promise<void> {
  bench.say(`${count} apps`)
  const all = await inTurns(bench.rounds(1), {
    floor: async () => {
      const ports = await freePorts(count)
      const env = { APP, PORTS: ports.join(',') }
      await using _loop = startBare([join(FIXTURES, 'spawn-loop.cjs')], env)
      return named({ instance: mean(await used(ports)) })
    },
    lbm: async () => {
      await using lbm = newLbm()
      const ports = await freePorts(count)
      await lbm.run('start', servers(ports))
      const instance = mean(await used(ports))
      const [supervisor = 0] = lbm.supervisorPids()
      return named({
        instance,
        daemon: memoryOf(lbm.daemonPid()),
        supervisor: memoryOf(supervisor),
      })
    },
    pm2:
      bench.newPm2 &&
      (async () => {
        await using pm2 = bench.newPm2!()
        const ports = await freePorts(count)
        await pm2.run('start', servers(ports))
        return named({ instance: mean(await used(ports)), daemon: memoryOf(pm2.daemonPid()) })
      }),
  })
  const apps = `${count} ${count === 1 ? 'app' : 'apps'}`
  addProcess(bench, all, 'daemon', `${apps}: daemon`, { of: 'value', atMost: 16 })
  addProcess(bench, all, 'supervisor', `${apps}: supervisor`, { of: 'value', atMost: 10 })
  addInstance(bench, all, `${apps}: instance`, 'node')
}

async function clusterApp(bench: Bench): Promise<void> {
  bench.say(`a cluster of ${INSTANCES}`)
  const app = { script: APP, name: 'app', instances: INSTANCES }
  const all = await inTurns(bench.rounds(1), {
    floor: async () => {
      const port = await freePort()
      await using cluster = startCluster({ ...app, port })
      const instance = mean(await usedCluster(port))
      return named({ instance, supervisor: memoryOf(cluster.pid) })
    },
    lbm: async () => {
      await using lbm = newLbm()
      const port = await freePort()
      await lbm.start({ ...app, port })
      const instance = mean(await usedCluster(port))
      const [supervisor = 0] = lbm.supervisorPids()
      return named({ instance, supervisor: memoryOf(supervisor) })
    },
    pm2:
      bench.newPm2 &&
      (async () => {
        await using pm2 = bench.newPm2!()
        const port = await freePort()
        await pm2.start({ ...app, port })
        return named({ instance: mean(await usedCluster(port)) })
      }),
  })
  const what = `cluster of ${INSTANCES}`
  addProcess(
    bench,
    all,
    'supervisor',
    `${what}: supervisor`,
    { of: 'value', atMost: 10 },
    'primary',
  )
  addInstance(bench, all, `${what}: instance`, 'worker')
}

type All = Awaited<ReturnType<typeof inTurns>>

function addProcess(
  bench: Bench,
  all: All,
  key: string,
  what: string,
  budget?: Budget,
  floor?: string,
): void {
  for (const [measure, name] of MEASURES)
    bench.add({
      what: `${what}, ${name}`,
      unit: 'MB',
      samples: samplesOf(all, `${key}.${measure}`),
      ...(floor !== undefined && { floor }),
      ...(measure === 'privateMb' && budget && { budget }),
    })
}

function addInstance(bench: Bench, all: All, what: string, floor: string): void {
  addProcess(bench, all, 'instance', what, undefined, floor)
  const key = 'instance.privateMb'
  const added = (subject: string): number[] | undefined =>
    all[subject]?.[key]?.map((value, round) => value - (all['floor']?.[key]?.[round] ?? 0))
  bench.add({
    what: `${what}, private above ${floor}`,
    unit: 'MB',
    samples: { lbm: added('lbm'), pm2: added('pm2') },
    budget: { of: 'value', atMost: 1 },
  })
}

function named(processes: Record<string, MemoryFigures>): Figures {
  return Object.fromEntries(
    Object.entries(processes).flatMap(([name, figures]) =>
      Object.entries(figures).map(([measure, value]) => [`${name}.${measure}`, value]),
    ),
  )
}

function mean(pids: readonly number[]): MemoryFigures {
  const sum: MemoryFigures = { privateMb: 0, pssMb: 0, rssMb: 0 }
  for (const pid of pids)
    for (const [name, value] of Object.entries(memoryOf(pid)))
      sum[name] = (sum[name] ?? 0) + value / pids.length
  return sum
}

/** Processes that have been used a little. */
async function used(ports: readonly number[]): Promise<number[]> {
  await allAnswer(ports)
  const pids: number[] = []
  for (const port of ports) {
    for (let turn = 1; turn < REQUESTS_EACH; turn += 1) await askPid(port)
    pids.push((await askPid(port)) ?? 0)
  }
  await sleep(SETTLE_MS)
  return pids
}

async function usedCluster(port: number): Promise<number[]> {
  const { pids } = await answeredBy(port, INSTANCES)
  for (let turn = 0; turn < REQUESTS_EACH * INSTANCES; turn += 1) await askPid(port)
  await sleep(SETTLE_MS)
  return [...pids]
}
