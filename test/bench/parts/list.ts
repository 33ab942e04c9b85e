/** What people type all day. */

import { NODE_ALONE, timeCommand } from '../measure/commands.ts'
import { type Budget, samplesOf } from '../measure/report.ts'
import { inTurns } from '../measure/turns.ts'
import type { Bench, Part } from '../part.ts'
import { newLbm } from '../subjects/lbm.ts'
import { sleepers } from '../subjects/many-apps.ts'
import type { Manager } from '../subjects/subject.ts'

const COUNTS = [1, 50, 500]
const BUDGETS: Record<number, Budget> = {
  1: { of: 'ratio', atMost: 1.6 },
  500: { of: 'ratio', atMost: 2 },
}

export const list: Part = {
  name: 'list',
  about: 'list, jlist and --version with 1, 50 and 500 apps, against node -e 0',
  async run(bench) {
    for (const count of COUNTS) {
      await using lbm = newLbm()
      await using pm2 = bench.newPm2?.()
      const file = sleepers(count)
      bench.say(`starts ${count} apps under each`)
      await lbm.run('start', file)
      await pm2?.run('start', file)
      await checkCount(lbm, count)
      if (pm2 !== undefined) await checkCount(pm2, count)
      const apps = `${count} ${count === 1 ? 'app' : 'apps'}`
      await compare(bench, [lbm, pm2], `list, ${apps}`, ['list'], BUDGETS[count])
      await compare(bench, [lbm, pm2], `jlist, ${apps}`, ['jlist'])
      if (count === 1) await compare(bench, [lbm, pm2], '--version', ['--version'])
    }
  },
}

async function checkCount(manager: Manager, count: number): Promise<void> {
  const { length } = JSON.parse((await manager.run('jlist')).stdout) as unknown[]
  if (length !== count) throw new Error(`${length} apps are listed in place of ${count}`)
}

async function compare(
  bench: Bench,
  [lbm, pm2]: [Manager, Manager | undefined],
  what: string,
  words: string[],
  budget?: Budget,
): Promise<void> {
  const timed = (manager: Manager) => () => timeCommand(manager.command(...words))
  const all = await inTurns(bench.rounds(15), {
    floor: () => timeCommand(NODE_ALONE),
    lbm: timed(lbm),
    pm2: pm2 && timed(pm2),
  })
  bench.add({
    what,
    unit: 'ms',
    floor: 'node -e 0',
    samples: samplesOf(all, 'ms'),
    ...(budget && { budget }),
  })
}
