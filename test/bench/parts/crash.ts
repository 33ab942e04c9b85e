/** A process is gone from one moment to the next. */

import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { answeredBy } from '../measure/answers.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'
import { startCluster } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'

const INSTANCES = 4
/** A process that dies younger than a second is taken for one that cannot start. */
const SETTLED_MS = 1500

export const crash: Part = {
  name: 'crash',
  about: 'kill -9 of an instance until its replacement answers, with and without a spare',
  async run(bench) {
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const ports = { floor: await freePort(), lbm: await freePort(), spare: await freePort() }
    await using _cluster = startCluster({ script: APP, port: ports.floor, instances: INSTANCES })
    await lbm.start({ script: APP, name: 'app', port: ports.lbm, instances: INSTANCES })
    await lbm.start({
      script: APP,
      name: 'spare',
      port: ports.spare,
      instances: INSTANCES,
      args: ['--spare', '1'],
    })
    const pm2Port = await freePort()
    await pm2?.start({ script: APP, name: 'app', port: pm2Port, instances: INSTANCES })
    const all = await inTurns(bench.rounds(8), {
      floor: () => killOne(ports.floor),
      lbm: () => killOne(ports.lbm),
      spare: () => killOne(ports.spare),
      pm2: pm2 && (() => killOne(pm2Port)),
    })
    for (const [subject, what, atMost] of [
      ['lbm', '', 1.1],
      ['spare', ' (spare: 1)', 0.5],
    ] as const) {
      const subjects = { ...all, lbm: all[subject] }
      bench.add({
        what: `until the replacement answers${what}`,
        unit: 'ms',
        floor: 'cluster',
        samples: samplesOf(subjects, 'ms'),
        budget: { of: 'ratio', atMost },
      })
      bench.add({
        what: `connections refused, cut or never answered${what}`,
        unit: '',
        floor: 'cluster',
        samples: samplesOf(subjects, 'failed'),
      })
    }
  },
}

async function killOne(port: number): Promise<Figures> {
  const { pids } = await answeredBy(port, INSTANCES)
  await sleep(SETTLED_MS)
  const [victim] = pids
  process.kill(victim ?? 0, 'SIGKILL')
  const { ms, failed } = await answeredBy(port, 1, { notOf: pids })
  return { ms, failed }
}
