/** Requests that take different times: where it matters who gets which. */

import { freePort } from '../../helpers/free-port.ts'
import { answeredBy } from '../measure/answers.ts'
import { type LoadSpec, putLoad } from '../measure/load.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'
import { startCluster } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'

const INSTANCES = 4
const POLICIES = ['least-connections', 'round-robin', 'random-2']

interface Mix {
  what: string
  paths: [number, string][]
  clients: number
  /** Requests a second for the times. */
  rate: number
}

const MIXES: Mix[] = [
  {
    what: '1 in 10 waits 200 ms, others 2 ms',
    paths: [
      [1, '/?ms=200'],
      [9, '/?ms=2'],
    ],
    clients: 64,
    rate: 300,
  },
  {
    what: '1 in 10 computes 50 ms, others none',
    paths: [
      [1, '/?block=50'],
      [9, '/'],
    ],
    clients: 16,
    rate: 100,
  },
]

export const mixed: Part = {
  name: 'mixed',
  about: 'slow requests among quick ones, a connection each, by policy',
  async run(bench) {
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const ports: Record<string, number> = {}
    for (const policy of POLICIES) {
      const port = await freePort()
      const args = ['--balance', policy]
      await lbm.start({ script: APP, name: policy, port, instances: INSTANCES, args })
      ports[policy] = port
    }
    ports['floor'] = await freePort()
    await using _cluster = startCluster({
      script: APP,
      port: ports['floor'],
      instances: INSTANCES,
    })
    if (pm2 !== undefined) {
      ports['pm2'] = await freePort()
      await pm2.start({ script: APP, name: 'app', port: ports['pm2'], instances: INSTANCES })
    }
    for (const port of Object.values(ports)) await answeredBy(port, INSTANCES)
    for (const mix of MIXES) await compare(bench, ports, mix)
  },
}

async function compare(bench: Bench, ports: Record<string, number>, mix: Mix): Promise<void> {
  bench.say(mix.what)
  const seconds = bench.seconds(5)
  const all = await inTurns(
    bench.rounds(2),
    Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [name, () => measure(port, mix, seconds)]),
    ),
  )
  for (const policy of POLICIES) {
    const subjects = { ...all, lbm: all[policy] }
    for (const [figure, what, unit] of [
      ['perSecond', `${mix.clients} clients`, '/s'],
      ['p50Ms', `p50 at ${mix.rate}/s`, 'ms'],
      ['p99Ms', `p99 at ${mix.rate}/s`, 'ms'],
      ['failed', 'failed', ''],
    ] as const)
      bench.add({
        what: `${mix.what}: ${policy}, ${what}`,
        unit,
        floor: 'cluster',
        samples: samplesOf(subjects, figure),
      })
  }
}

async function measure(
  port: number,
  { paths, clients, rate }: Mix,
  seconds: number,
): Promise<Figures> {
  const load: LoadSpec = { port, paths, clients, seconds, keepAlive: false }
  const full = await putLoad(load)
  const calm = await putLoad({ ...load, rate })
  return {
    perSecond: full.requests / full.seconds,
    p50Ms: calm.p50Ms,
    p99Ms: calm.p99Ms,
    failed: full.failed + calm.failed,
  }
}
