/** A new version while clients go on: what they lose. */

import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { answeredBy } from '../measure/answers.ts'
import { startClients } from '../measure/clients.ts'
import type { Bench, Part } from '../part.ts'
import { RELOADED_APP } from '../subjects/fixtures.ts'
import { newLbm } from '../subjects/lbm.ts'
import type { Manager } from '../subjects/subject.ts'

const INSTANCES = 4
/** Reloads of lbm for each of PM2, whose losses show soon enough. */
const SHARE = 10
/** A drained instance goes some seconds after the command has returned. */
const AFTERMATH_MS = 7000

interface Outcome {
  requests: number
  failures: string[]
  ms: number[]
}

export const reload: Part = {
  name: 'reload',
  about: 'requests lost in reloads: keep-alive with pauses, a connection each, GET and POST',
  async run(bench) {
    const rounds = bench.rounds(12)
    bench.say(`${rounds} reloads take about ${Math.ceil((rounds * 8) / 60)} minutes`)
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const outcomes: Partial<Record<'lbm' | 'pm2', Outcome>> = {}
    const ports = { lbm: await freePort(), pm2: await freePort() }
    const app = { script: RELOADED_APP, name: 'app', instances: INSTANCES }
    await lbm.start({ ...app, port: ports.lbm })
    await pm2?.start({ ...app, port: ports.pm2 })
    for (let done = 0; done < rounds; done += SHARE) {
      const count = Math.min(SHARE, rounds - done)
      outcomes.lbm = await reloads(lbm, ports.lbm, count, outcomes.lbm)
      if (pm2 !== undefined) outcomes.pm2 = await reloads(pm2, ports.pm2, 1, outcomes.pm2)
      bench.say(`${done + count} reloads, ${outcomes.lbm.failures.length} requests lost so far`)
    }
    add(bench, outcomes)
  },
}

async function reloads(
  manager: Manager,
  port: number,
  count: number,
  so: Outcome = { requests: 0, failures: [], ms: [] },
): Promise<Outcome> {
  await answeredBy(port, INSTANCES)
  await using load = startClients({ port, keepAlive: 24, fresh: 24, thinkMs: 500, slowMs: 1000 })
  const ms: number[] = []
  await sleep(500)
  for (let round = 0; round < count; round += 1) {
    const started = performance.now()
    await manager.run('reload', 'app')
    ms.push(performance.now() - started)
  }
  await sleep(AFTERMATH_MS)
  const { requests, failures } = await load.stop()
  return {
    requests: so.requests + requests,
    failures: [...so.failures, ...failures],
    ms: [...so.ms, ...ms],
  }
}

function add(bench: Bench, { lbm, pm2 }: Partial<Record<'lbm' | 'pm2', Outcome>>): void {
  const lost = (outcome: Outcome | undefined): string | undefined =>
    outcome && `${outcome.failures.length} of ${outcome.requests} in ${outcome.ms.length} reloads`
  bench.add({
    what: 'requests lost',
    unit: '',
    samples: {
      lbm: lbm && [lbm.failures.length],
      pm2: pm2 && [pm2.failures.length],
    },
    notes: { lbm: lost(lbm), pm2: lost(pm2) },
    budget: { of: 'sum', atMost: 0 },
    extra: { lbm: lbm?.failures, pm2: pm2?.failures },
  })
  bench.add({
    what: `a reload of ${INSTANCES} instances`,
    unit: 'ms',
    samples: { lbm: lbm?.ms, pm2: pm2?.ms },
  })
}
