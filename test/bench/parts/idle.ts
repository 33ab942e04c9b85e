/** CPU while nothing happens. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { allAnswer, answeredBy, askPid } from '../measure/answers.ts'
import { cpuSeconds, memoryOf } from '../measure/process-figures.ts'
import { type Budget, samplesOf } from '../measure/report.ts'
import { type Figures, inTurns, type Samples } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP, FIXTURES } from '../subjects/fixtures.ts'
import { startBare } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'
import { freePorts, servers, sleepers } from '../subjects/many-apps.ts'
import type { Manager } from '../subjects/subject.ts'

const SETTLE_MS = 12_000
const CLUSTER = 8
const PROGRAMS = 500

export const idle: Part = {
  name: 'idle',
  about: 'CPU at rest with 0, 8, 50 instances, and with 500 programs',
  async run(bench) {
    const seconds = bench.seconds(20)
    const rounds = bench.rounds(1)
    bench.say(`4 × ${rounds} rounds of ${seconds} s each, and as long again until all is quiet`)
    const alone = await compare(bench, '0 instances', rounds, async (manager) => {
      const port = await freePort()
      await manager.start({ script: APP, name: 'app', port, instances: 1 })
      await manager.run('delete', 'app')
      return []
    })
    await compare(
      bench,
      `a cluster of ${CLUSTER}`,
      rounds,
      async (manager) => {
        const port = await freePort()
        await manager.start({ script: APP, name: 'app', port, instances: CLUSTER })
        return [...(await answeredBy(port, CLUSTER)).pids]
      },
      { of: 'value', atMost: 0.3 },
    )
    await compare(bench, '50 apps', rounds, async (manager) => {
      const ports = await freePorts(50)
      await manager.run('start', servers(ports))
      await allAnswer(ports)
      return await Promise.all(ports.map(async (port) => (await askPid(port)) ?? 0))
    })
    const many = await compare(
      bench,
      `${PROGRAMS} programs`,
      Math.min(rounds, 1),
      async (manager) => {
        await manager.run('start', sleepers(PROGRAMS))
        return []
      },
      { of: 'value', atMost: 1 },
    )
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
  rounds: number,
  bringUp: (manager: Manager) => Promise<number[]>,
  budget?: Budget,
): Promise<Record<string, Samples | undefined>> {
  bench.say(what)
  const seconds = bench.seconds(20)
  const rest = (newManager: () => Manager) => async (): Promise<Figures> => {
    await using manager = newManager()
    const instances = await bringUp(manager)
    await sleep(bench.seconds(SETTLE_MS / 1000) * 1000)
    const figures = await atRest(() => manager.ownPids(), instances, seconds)
    return { ...figures, daemonMb: memoryOf(manager.daemonPid()).privateMb }
  }
  const all = await inTurns(rounds, {
    floor: () => plainNodes(seconds),
    lbm: rest(newLbm),
    pm2: bench.newPm2 && rest(bench.newPm2),
  })
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

async function atRest(
  ownPids: () => number[],
  instances: readonly number[],
  seconds: number,
): Promise<Figures> {
  const own = ownPids()
  const before = { own: cpuSeconds(own), instances: cpuSeconds(instances) }
  await sleep(seconds * 1000)
  const percent = (used: number): number => (used / seconds) * 100
  return {
    own: percent(cpuSeconds(own) - before.own),
    ...(instances.length > 0 && {
      instance: percent(cpuSeconds(instances) - before.instances) / instances.length,
    }),
  }
}

async function plainNodes(seconds: number): Promise<Figures> {
  const ports = await freePorts(CLUSTER)
  const env = { APP, PORTS: ports.join(',') }
  await using _loop = startBare([join(FIXTURES, 'spawn-loop.cjs')], env)
  await allAnswer(ports)
  const pids = await Promise.all(ports.map(async (port) => (await askPid(port)) ?? 0))
  await sleep(seconds * 500)
  return await atRest(() => [], pids, seconds)
}
