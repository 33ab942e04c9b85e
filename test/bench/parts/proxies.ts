/** The ways to an app side by side: its own port, and its slots behind nginx and behind HAProxy. */

import { proxiedWorld, type ProxiedWorld, PROXIES } from '../../helpers/proxied-world.ts'
import { answeredBy } from '../measure/answers.ts'
import { type LoadSpec, putLoad } from '../measure/load.ts'
import { samplesOf, type Unit } from '../measure/report.ts'
import { inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'

const INSTANCES = 4
const SLOTS = ['TCP', 'Unix'] as const
/** Far from what the machine can do, so that the times are the way's own. */
const CALM_RATE = 500

const CASES: { what: string; load: Omit<LoadSpec, 'port' | 'seconds'> }[] = [
  { what: 'keep-alive, 64', load: { keepAlive: true, clients: 64 } },
  { what: 'a connection each, 64', load: { keepAlive: false, clients: 64 } },
  { what: `keep-alive at ${CALM_RATE}/s`, load: { keepAlive: true, clients: 64, rate: CALM_RATE } },
]

export const proxies: Part = {
  name: 'proxies',
  about: 'requests a second and their times: the app’s port alone, nginx, HAProxy',
  async run(bench) {
    const worlds: ProxiedWorld[] = []
    const ports: Record<string, number> = {}
    try {
      for (const kind of PROXIES) {
        for (const slots of SLOTS) {
          const world = await proxiedWorld(kind, {
            slots,
            app: { script: APP, instances: INSTANCES },
          })
          worlds.push(world)
          ports[`${kind}, ${slots} slots`] = world.port
          ports['floor'] ??= world.appPort
        }
      }
      for (const [name, port] of Object.entries(ports)) {
        await answeredBy(port, INSTANCES)
        bench.say(`warms up ${name}`)
        for (const keepAlive of [true, false])
          await putLoad({ port, clients: 64, seconds: bench.seconds(2), keepAlive })
      }
      for (const one of CASES) await compare(bench, ports, one)
    } finally {
      for (const world of worlds) await world[Symbol.asyncDispose]()
    }
  },
}

async function compare(
  bench: Bench,
  ports: Record<string, number>,
  { what, load }: (typeof CASES)[number],
): Promise<void> {
  bench.say(what)
  const seconds = bench.seconds(3)
  const all = await inTurns(
    bench.rounds(2),
    Object.fromEntries(
      Object.entries(ports).map(([name, port]) => [
        name,
        async () => {
          const { requests, seconds: took, ...times } = await putLoad({ ...load, port, seconds })
          return { ...times, perSecond: requests / took }
        },
      ]),
    ),
  )
  for (const name of Object.keys(ports).filter((one) => one !== 'floor')) {
    const add = (figure: string, label: string, unit: Unit): void =>
      bench.add({
        what: `${what}: ${name}${label}`,
        unit,
        floor: 'the app’s own port',
        samples: samplesOf({ floor: all['floor'], lbm: all[name] }, figure),
      })
    if (load.rate === undefined) add('perSecond', '', '/s')
    add('p99Ms', ', p99', 'ms')
    if (load.rate !== undefined) add('p50Ms', ', p50', 'ms')
    if ((all[name]?.['failed'] ?? []).some((count) => count > 0)) add('failed', ', failed', '')
  }
}
