/** What stays behind in memory of what has happened. */

import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { memoryOf } from '../measure/process-figures.ts'
import type { Part } from '../part.ts'
import { APP } from '../subjects/fixtures.ts'
import { newLbm } from '../subjects/lbm.ts'
import type { Manager } from '../subjects/subject.ts'

const INSTANCES = 10
const RESTARTS = 1000
const SETTLE_MS = 5000

export const growth: Part = {
  name: 'growth',
  about: `private memory of the process manager after ${RESTARTS} restarts`,
  async run(bench) {
    const rounds = bench.rounds(RESTARTS / INSTANCES)
    bench.say(`${rounds} restarts of ${INSTANCES} instances`)
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const measured = await grown(lbm, rounds)
    const byPm2 = pm2 && (await grown(pm2, rounds))
    for (const figure of ['before', 'after', 'grown'] as const)
      bench.add({
        what: `${figure}, ${rounds * INSTANCES} restarts`,
        unit: 'MB',
        samples: { lbm: [measured[figure]], pm2: byPm2 && [byPm2[figure]] },
      })
  },
}

async function grown(
  manager: Manager,
  rounds: number,
): Promise<{ before: number; after: number; grown: number }> {
  const port = await freePort()
  await manager.start({ script: APP, name: 'app', port, instances: INSTANCES })
  // The first few warm up what is compiled and cached once.
  await restart(manager, Math.min(5, rounds))
  const before = privateMb(manager)
  await restart(manager, rounds)
  const after = privateMb(manager)
  return { before, after, grown: after - before }
}

async function restart(manager: Manager, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) await manager.run('restart', 'app')
  await sleep(SETTLE_MS)
}

function privateMb(manager: Manager): number {
  return manager.ownPids().reduce((sum, pid) => sum + memoryOf(pid).privateMb, 0)
}
