/** kill -9 of what manages, while clients go on. */

import { setTimeout as sleep } from 'node:timers/promises'

import { freePort } from '../../helpers/free-port.ts'
import { until } from '../../helpers/until.ts'
import { answeredBy } from '../measure/answers.ts'
import { startClients } from '../measure/clients.ts'
import { samplesOf } from '../measure/report.ts'
import { type Figures, inTurns } from '../measure/turns.ts'
import type { Part } from '../part.ts'
import { RELOADED_APP } from '../subjects/fixtures.ts'
import { type Lbm, newLbm } from '../subjects/lbm.ts'
import type { AppToStart, Manager } from '../subjects/subject.ts'

const INSTANCES = 4
/** Whoever dies younger is taken for one that cannot start. */
const SETTLED_MS = 1500
/** How long the clients go on after the death. */
const AFTERMATH_MS = 3000

export const daemonDeath: Part = {
  name: 'daemon-death',
  about: 'kill -9 of the daemon, and of a supervisor, under load',
  async run(bench) {
    await using lbm = newLbm()
    await using pm2 = bench.newPm2?.()
    const app = { script: RELOADED_APP, name: 'app', instances: INSTANCES }
    const apps = {
      lbm: { ...app, port: await freePort() },
      pm2: { ...app, port: await freePort() },
    }
    await lbm.start(apps.lbm)
    const all = await inTurns(bench.rounds(4), {
      lbm: () => daemonKilled(lbm, apps.lbm),
      // Nothing brings its apps back: they are started anew for each round.
      pm2: pm2 && (() => godKilled(pm2, apps.pm2)),
    })
    for (const [figure, what, unit] of [
      ['failed', 'daemon: requests lost', ''],
      ['samePids', `daemon: instances that live on, of ${INSTANCES}`, ''],
      ['backMs', 'daemon: until it lists everything again', 'ms'],
    ] as const)
      bench.add({
        what,
        unit,
        samples: samplesOf(all, figure),
        ...(figure === 'failed' && { budget: { of: 'sum', atMost: 0 } }),
      })

    const supervisor = await inTurns(bench.rounds(3), {
      lbm: () => supervisorKilled(lbm, apps.lbm),
    })
    bench.add({
      what: 'supervisor: requests lost',
      unit: '',
      samples: samplesOf(supervisor, 'failed'),
    })
    bench.add({
      what: 'supervisor: until all instances answer again',
      unit: 'ms',
      samples: samplesOf(supervisor, 'backMs'),
    })
  },
}

async function daemonKilled(lbm: Lbm, { port }: AppToStart): Promise<Figures> {
  const { pids } = await answeredBy(port, INSTANCES)
  await using load = startClients({ port, slowMs: 200 })
  await sleep(SETTLED_MS)
  const pid = lbm.daemonPid()
  const started = performance.now()
  process.kill(pid, 'SIGKILL')
  await until(async () => ((await lbm.listedPids()) ?? []).length === INSTANCES || undefined)
  const backMs = performance.now() - started
  await sleep(AFTERMATH_MS)
  const { failures } = await load.stop()
  const listed = (await lbm.listedPids()) ?? []
  return {
    failed: failures.length,
    samePids: listed.filter((one) => pids.has(one)).length,
    backMs,
  }
}

async function godKilled(pm2: Manager, app: AppToStart): Promise<Figures> {
  await pm2.start(app)
  const { pids } = await answeredBy(app.port, INSTANCES)
  await using load = startClients({ port: app.port, slowMs: 200 })
  await sleep(SETTLED_MS)
  process.kill(pm2.daemonPid(), 'SIGKILL')
  await sleep(AFTERMATH_MS)
  const { failures } = await load.stop()
  const alive = [...pids].filter(isAlive)
  // Its own commands would not find them any more.
  for (const pid of alive) process.kill(pid, 'SIGKILL')
  return { failed: failures.length, samePids: alive.length }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function supervisorKilled(lbm: Lbm, { port }: AppToStart): Promise<Figures> {
  const { pids } = await answeredBy(port, INSTANCES)
  await using load = startClients({ port, slowMs: 200 })
  await sleep(SETTLED_MS)
  const [pid = 0] = lbm.supervisorPids()
  process.kill(pid, 'SIGKILL')
  const { ms } = await answeredBy(port, INSTANCES, { notOf: pids })
  await sleep(AFTERMATH_MS)
  const { failures } = await load.stop()
  return { failed: failures.length, backMs: ms }
}
