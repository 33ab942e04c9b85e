/**
 * CPU while nothing happens. All subjects stand side by side, since nothing that is at rest disturbs another; where there are
 * hundreds of processes, one after another.
 */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { allAnswer, answeredBy, askPid } from '../measure/answers.ts'
import { cpuSeconds, memoryOf } from '../measure/process-figures.ts'
import { type Budget, samplesOf } from '../measure/report.ts'
import type { Figures, Samples } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP, FIXTURES } from '../subjects/fixtures.ts'
import { startBare } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'
import { freePorts, servers, sleepers } from '../subjects/many-apps.ts'
import type { Manager } from '../subjects/subject.ts'

/** Who looks at what stays the same less and less often has come to its longest interval, 40 s. */
const SETTLE_SECONDS = 45
const MEASURED_SECONDS = 20
const CLUSTER = 8
const PROGRAMS = 500

interface AtRest {
  /** What is to be at rest. @returns the pids of the instances, where each is compared with a bare node */
  bringUp(manager: Manager): Promise<number[]>
  /** One subject after another. */
  isApart?: boolean
  budget?: Budget
}

export const idle: Part = {
  name: 'idle',
  about: 'CPU at rest with 0, 8, 50 instances, and with 500 programs',
  async run(bench) {
    const alone = await compare(bench, '0 instances', {
      async bringUp(manager) {
        await manager.start({ script: APP, name: 'app', port: await freePort(), instances: 1 })
        await manager.run('delete', 'app')
        return []
      },
    })
    await compare(bench, `a cluster of ${CLUSTER}`, {
      async bringUp(manager) {
        const port = await freePort()
        await manager.start({ script: APP, name: 'app', port, instances: CLUSTER })
        return [...(await answeredBy(port, CLUSTER)).pids]
      },
      budget: { of: 'value', atMost: 0.3 },
    })
    await compare(bench, '50 apps', {
      async bringUp(manager) {
        const ports = await freePorts(50)
        await manager.run('start', servers(ports))
        return await pidsAt(ports)
      },
    })
    const many = await compare(bench, `${PROGRAMS} programs`, {
      isApart: true,
      async bringUp(manager) {
        await manager.run('start', sleepers(PROGRAMS))
        return []
      },
      budget: { of: 'value', atMost: 1 },
    })
    const each = (subject: string): number[] | undefined => {
      const before = alone[subject]?.['daemonMb']?.[0] ?? 0
      return many[subject]?.['daemonMb']?.map((mb) => ((mb - before) * 1000) / PROGRAMS)
    }
    bench.add({
      what: `${PROGRAMS} programs: private memory of the daemon for each`,
      unit: 'KB',
      samples: { lbm: each('lbm'), pm2: each('pm2') },
      budget: { of: 'value', atMost: 50 },
    })
  },
}

async function compare(
  bench: Bench,
  what: string,
  { bringUp, isApart = false, budget }: AtRest,
): Promise<Record<string, Samples | undefined>> {
  bench.say(what)
  const under = (newManager: () => Manager) => () => managed(newManager(), bringUp)
  const makers: [string, () => Promise<Subject>][] = [['lbm', under(newLbm)]]
  if (bench.newPm2 !== undefined) makers.push(['pm2', under(bench.newPm2)])
  if (!isApart) makers.push(['floor', plainNodes])
  const groups = isApart ? makers.map((maker) => [maker]) : [makers]
  const all: Record<string, Samples> = {}
  for (let round = 0; round < bench.rounds(1); round += 1)
    for (const group of groups)
      for (const [subject, figures] of Object.entries(await sideBySide(bench, group)))
        for (const [name, value] of Object.entries(figures))
          ((all[subject] ??= {})[name] ??= []).push(value)
  const { lbm, pm2 } = samplesOf(all, 'own')
  bench.add({
    what: `${what}: % of a core in the process manager`,
    unit: '%',
    samples: { lbm, pm2 },
    ...(budget && { budget }),
  })
  if (all['lbm']?.['instance'] !== undefined)
    bench.add({
      what: `${what}: % of a core in each instance`,
      unit: '%',
      floor: 'node',
      samples: samplesOf(all, 'instance'),
    })
  return all
}

/** What is at rest. */
interface Subject extends AsyncDisposable {
  ownPids(): number[]
  daemonPid?: number
  instances: readonly number[]
}

async function sideBySide(
  bench: Bench,
  makers: [string, () => Promise<Subject>][],
): Promise<Record<string, Figures>> {
  const subjects: [string, Subject][] = []
  try {
    for (const [name, make] of makers) subjects.push([name, await make()])
    await sleep(bench.seconds(SETTLE_SECONDS) * 1000)
    const seconds = bench.seconds(MEASURED_SECONDS)
    const ends = subjects.map(([name, subject]) => [name, atRest(subject, seconds)] as const)
    await sleep(seconds * 1000)
    return Object.fromEntries(ends.map(([name, end]) => [name, end()]))
  } finally {
    for (const [, subject] of subjects) await subject[Symbol.asyncDispose]()
  }
}

/** Begins to measure. @returns ends it */
function atRest({ ownPids, daemonPid, instances }: Subject, seconds: number): () => Figures {
  const own = ownPids()
  const before = { own: cpuSeconds(own), instances: cpuSeconds(instances) }
  const percent = (used: number): number => (used / seconds) * 100
  return () => ({
    own: percent(cpuSeconds(own) - before.own),
    ...(instances.length > 0 && {
      instance: percent(cpuSeconds(instances) - before.instances) / instances.length,
    }),
    ...(daemonPid !== undefined && { daemonMb: memoryOf(daemonPid).privateMb }),
  })
}

async function managed(manager: Manager, bringUp: AtRest['bringUp']): Promise<Subject> {
  return {
    instances: await orEnd(manager, bringUp(manager)),
    ownPids: () => manager.ownPids(),
    daemonPid: manager.daemonPid(),
    [Symbol.asyncDispose]: () => manager[Symbol.asyncDispose](),
  }
}

async function plainNodes(): Promise<Subject> {
  const ports = await freePorts(CLUSTER)
  const env = { APP, PORTS: ports.join(',') }
  const loop = startBare([join(FIXTURES, 'spawn-loop.cjs')], env)
  return {
    instances: await orEnd(loop, pidsAt(ports)),
    ownPids: () => [],
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  }
}

/** What does not come up is ended. */
async function orEnd<T>(subject: AsyncDisposable, comingUp: Promise<T>): Promise<T> {
  try {
    return await comingUp
  } catch (error) {
    await subject[Symbol.asyncDispose]()
    throw error
  }
}

async function pidsAt(ports: readonly number[]): Promise<number[]> {
  await allAnswer(ports)
  return await Promise.all(ports.map(async (port) => (await askPid(port)) ?? 0))
}
