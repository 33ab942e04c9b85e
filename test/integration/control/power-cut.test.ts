import { readFileSync, writeFileSync } from 'node:fs'

import { expect, test } from 'vitest'

import { printFigure } from '../../helpers/figures.ts'
import { processesOf } from '../../helpers/processes.ts'
import { seededRandom } from '../../helpers/random.ts'
import { fixtureSpec, startDaemon } from '../../helpers/running-daemon.ts'
import { until } from '../../helpers/until.ts'

const ROUNDS = Number(process.env['LBM_TEST_ROUNDS'] ?? 25)
const CUTS = 10
const SEED = Number(process.env['LBM_TEST_SEED'] ?? 5)

type Apps = Record<string, 'running' | 'stopped'>

test(
  `${ROUNDS} power cuts while commands run (seed ${SEED}): what was acknowledged comes back`,
  { timeout: 5000 * ROUNDS },
  async () => {
    await using daemon = await startDaemon()
    const random = seededRandom(SEED)
    let acknowledged: Apps = {}
    let cutShort = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      const wanted = change(acknowledged, random)
      const doing = carryOut(acknowledged, wanted)
      const cut = new Promise((resolve) => {
        setTimeout(resolve, random() * 120)
      })
      const isAcknowledged = await Promise.race([doing.then(() => true), cut.then(() => false)])
      await killAll(daemon.home.root)
      await doing.catch(() => undefined) // the cut took its daemon away
      daemon.spawn().unref()
      await daemon.answers()

      const found = await desired()
      if (isAcknowledged) expect([round, found]).toEqual([round, wanted])
      else expect([acknowledged, wanted]).toContainEqual(found)
      if (!isAcknowledged) cutShort += 1
      acknowledged = found
      expect((await daemon.call('daemon.ping', {})).warnings).toEqual([])
    }
    printFigure(
      `seed ${SEED} (LBM_TEST_SEED repeats it): ${ROUNDS} cuts, ${cutShort} of them before the command was acknowledged; each came back as acknowledged`,
    )

    async function desired(): Promise<Apps> {
      if ((await daemon.list()).length === 0) return {}
      const { apps } = await daemon.call('app.describe', { selectors: ['all'] })
      return Object.fromEntries(
        apps.map(({ record }) => [record.key, record.slots[0]?.desired ?? 'stopped']),
      )
    }

    /** One command that makes one of the other. */
    async function carryOut(from: Apps, to: Apps): Promise<void> {
      const name = [...new Set([...Object.keys(from), ...Object.keys(to)])].find(
        (one) => from[one] !== to[one],
      )
      if (name === undefined) return
      const selectors = [name]
      const spec = fixtureSpec('http.cjs', { name })
      if (to[name] === undefined) await daemon.call('app.delete', { selectors })
      else if (from[name] === undefined)
        await daemon.call('app.start', { spec, force: false, wait: false })
      else if (to[name] === 'stopped') await daemon.call('app.stop', { selectors })
      else await daemon.call('app.startExisting', { selectors, wait: false })
    }
  },
)

test(`the state file cut off at ${CUTS} places (seed ${SEED}) → the daemon starts, with the last state or the one before`, async () => {
  await using daemon = await startDaemon()
  const random = seededRandom(SEED)
  for (const name of ['a', 'b'])
    await daemon.start(fixtureSpec('worker.cjs', { name, autostart: false }))
  const { state } = daemon.home
  const [whole, backup] = [readFileSync(state), readFileSync(`${state}.bak`)]
  const places = [
    0,
    whole.length,
    ...Array.from({ length: CUTS - 2 }, () => random() * whole.length),
  ]
  for (const place of places.map(Math.floor)) {
    await killAll(daemon.home.root)
    writeFileSync(state, whole.subarray(0, place))
    writeFileSync(`${state}.bak`, backup)
    daemon.spawn().unref()
    await daemon.answers()
    const names = (await daemon.list()).map(({ name }) => name)
    const { warnings } = await daemon.call('daemon.ping', {})
    const isWhole = place >= whole.length - 1
    expect([place, names, warnings.length]).toEqual([
      place,
      isWhole ? ['a', 'b'] : ['a'],
      isWhole ? 0 : 2,
    ])
  }
})

function change(apps: Apps, random: () => number): Apps {
  const name = ['a', 'b', 'c'][Math.floor(random() * 3)] ?? 'a'
  const { [name]: now, ...others } = apps
  if (now === undefined) return { ...apps, [name]: 'running' }
  if (random() < 0.3) return others
  return { ...apps, [name]: now === 'running' ? 'stopped' : 'running' }
}

/** Again, since one that was about to be killed may have started another. */
async function killAll(root: string): Promise<void> {
  await until(() => {
    const left = processesOf(root)
    for (const { pid } of left) tryKill(pid)
    return left.length === 0
  })
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it ended by itself meanwhile
  }
}
