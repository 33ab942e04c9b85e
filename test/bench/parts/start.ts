/** From nothing, or from a daemon that is there, until every instance answers. */

import { freePort } from '../../helpers/free-port.ts'
import { answeredBy } from '../measure/answers.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'
import { startCluster } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'
import type { Manager } from '../subjects/subject.ts'

const INSTANCES = 4
/** While programs boot, each try that is refused would take a millisecond from them. */
const REST_MS = 5

export const start: Part = {
  name: 'start',
  about: `start -i ${INSTANCES}, with no daemon and with one, until all answer`,
  async run(bench) {
    await cold(bench)
    await warm(bench)
  },
}

async function cold(bench: Bench): Promise<void> {
  const from = (newManager: () => Manager) => async (): Promise<Figures> => {
    await using manager = newManager()
    return await timeStart(manager)
  }
  const all = await inTurns(bench.rounds(10), {
    floor: timeCluster,
    lbm: from(newLbm),
    pm2: bench.newPm2 && from(bench.newPm2),
  })
  bench.add({
    what: 'no daemon: until all answer',
    unit: 'ms',
    floor: 'cluster',
    samples: samplesOf(all, 'answerMs'),
    budget: { of: 'ratio', atMost: 1.5 },
  })
  bench.add({
    what: 'no daemon: until the command returns',
    unit: 'ms',
    samples: samplesOf(all, 'returnMs'),
  })
}

async function warm(bench: Bench): Promise<void> {
  await using lbm = newLbm()
  await using pm2 = bench.newPm2?.()
  for (const manager of [lbm, pm2])
    await manager?.start({ script: APP, name: 'other', port: await freePort(), instances: 1 })
  const again = (manager: Manager) => async (): Promise<Figures> => {
    const figures = await timeStart(manager)
    await manager.run('delete', 'app')
    return figures
  }
  const all = await inTurns(bench.rounds(10), {
    floor: timeCluster,
    lbm: again(lbm),
    pm2: pm2 && again(pm2),
  })
  bench.add({
    what: 'daemon there: until all answer',
    unit: 'ms',
    floor: 'cluster',
    samples: samplesOf(all, 'answerMs'),
  })
  bench.add({
    what: 'daemon there: until the command returns',
    unit: 'ms',
    samples: samplesOf(all, 'returnMs'),
  })
}

async function timeStart(manager: Manager): Promise<Figures> {
  const port = await freePort()
  const started = performance.now()
  const returned = manager
    .start({ script: APP, name: 'app', port, instances: INSTANCES })
    .then(() => performance.now() - started)
  const { ms } = await answeredBy(port, INSTANCES, { restMs: REST_MS })
  return { answerMs: ms, returnMs: await returned }
}

async function timeCluster(): Promise<Figures> {
  const port = await freePort()
  await using _cluster = startCluster({ script: APP, port, instances: INSTANCES })
  const { ms } = await answeredBy(port, INSTANCES, { restMs: REST_MS })
  return { answerMs: ms }
}
