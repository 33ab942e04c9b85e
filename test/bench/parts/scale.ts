/** More and fewer instances while clients go on. */

import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { answeredBy } from '../measure/answers.ts'
import { startClients } from '../measure/clients.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Part } from '../part.ts'
import { RELOADED_APP } from '../subjects/fixtures.ts'
import { newLbm } from '../subjects/lbm.ts'
import type { Manager } from '../subjects/subject.ts'

const FIRST = 4
const STEPS = [1, 8, 4]
const AFTERMATH_MS = 6000

export const scale: Part = {
  name: 'scale',
  about: `requests lost while an app goes from ${[FIRST, ...STEPS].join(' to ')} instances`,
  async run(bench) {
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const ports = { lbm: await freePort(), pm2: await freePort() }
    const app = { script: RELOADED_APP, name: 'app', instances: FIRST }
    await lbm.start({ ...app, port: ports.lbm })
    await pm2?.start({ ...app, port: ports.pm2 })
    const all = await inTurns(bench.rounds(2), {
      lbm: () => scaled(lbm, ports.lbm),
      pm2: pm2 && (() => scaled(pm2, ports.pm2)),
    })
    const lost = (subject: string): string | undefined => {
      const { failed, requests } = all[subject] ?? {}
      const sum = (values: number[] = []): number => values.reduce((total, one) => total + one, 0)
      return failed && `${sum(failed)} of ${sum(requests)}`
    }
    bench.add({
      what: 'requests lost',
      unit: '',
      samples: samplesOf(all, 'failed'),
      notes: { lbm: lost('lbm'), pm2: lost('pm2') },
      budget: { of: 'sum', atMost: 0 },
    })
    for (const step of STEPS)
      bench.add({ what: `to ${step}`, unit: 'ms', samples: samplesOf(all, `to${step}`) })
  },
}

async function scaled(manager: Manager, port: number): Promise<Figures> {
  await answeredBy(port, FIRST)
  await using load = startClients({ port, keepAlive: 24, fresh: 24, thinkMs: 500, slowMs: 1000 })
  const ms: Figures = {}
  for (const step of STEPS) {
    await sleep(1000)
    const started = performance.now()
    await manager.run('scale', 'app', String(step))
    ms[`to${step}`] = performance.now() - started
  }
  await sleep(AFTERMATH_MS)
  const { requests, failures } = await load.stop()
  return { ...ms, requests, failed: failures.length }
}
