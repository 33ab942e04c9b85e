/** Many apps at once. */

import { join } from 'node:path'

import { freePort } from '../../helpers/free-port.ts'
import { allAnswer } from '../measure/answers.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { APP, FIXTURES } from '../subjects/fixtures.ts'
import { startBare } from '../subjects/floor.ts'
import { newLbm } from '../subjects/lbm.ts'
import { freePorts, servers } from '../subjects/many-apps.ts'
import type { Manager } from '../subjects/subject.ts'

export const apps: Part = {
  name: 'apps',
  about: '50 and 200 apps started, stopped and deleted, against a loop of spawn()',
  async run(bench) {
    await many(bench, 50, bench.rounds(3))
    await many(bench, 200, bench.rounds(1))
  },
}

async function many(bench: Bench, count: number, rounds: number): Promise<void> {
  bench.say(`${rounds} × ${count} apps`)
  const under = (newManager: () => Manager) => async (): Promise<Figures> => {
    await using manager = newManager()
    await manager.start({ script: APP, name: 'other', port: await freePort(), instances: 1 })
    const ports = await freePorts(count)
    const file = servers(ports)
    const started = performance.now()
    const returned = manager.run('start', file).then(() => performance.now() - started)
    await allAnswer(ports)
    const answerMs = performance.now() - started
    const returnMs = await returned
    const stopping = performance.now()
    await manager.run('stop', file)
    const deleting = performance.now()
    await manager.run('delete', file)
    const deleteMs = performance.now() - deleting
    return { answerMs, returnMs, stopMs: deleting - stopping, deleteMs }
  }
  const all = await inTurns(rounds, {
    floor: () => spawnLoop(count),
    lbm: under(newLbm),
    pm2: bench.newPm2 && under(bench.newPm2),
  })
  const budget = { of: 'ratio', atMost: 1.2 } as const
  bench.add({
    what: `${count} apps: until all answer`,
    unit: 'ms',
    floor: 'spawn loop',
    samples: samplesOf(all, 'answerMs'),
    ...(count === 50 && { budget }),
  })
  for (const [name, what] of [
    ['returnMs', 'start returns'],
    ['stopMs', 'stop'],
    ['deleteMs', 'delete'],
  ] as const)
    bench.add({ what: `${count} apps: ${what}`, unit: 'ms', samples: samplesOf(all, name) })
}

async function spawnLoop(count: number): Promise<Figures> {
  const ports = await freePorts(count)
  const started = performance.now()
  await using _loop = startBare([join(FIXTURES, 'spawn-loop.cjs')], { APP, PORTS: ports.join(',') })
  await allAnswer(ports)
  return { answerMs: performance.now() - started }
}
