/** What happens to instances costs clients behind a proxy nothing: GET and POST, keep-alive and a connection each. */

import { existsSync, readFileSync } from 'node:fs'

import { describe, expect, test } from 'vitest'

import { printFigure } from '../helpers/figures.ts'
import { type Load, startLoad } from '../helpers/load.ts'
import { endAll } from '../helpers/processes.ts'
import { type ProxiedWorld, proxiedWorld, PROXIES } from '../helpers/proxied-world.ts'
import { supervisorPids } from '../helpers/supervisor-pids.ts'
import { until } from '../helpers/until.ts'

const SLOTS = ['TCP', 'Unix'] as const
const CELLS = PROXIES.flatMap((proxy) => SLOTS.map((slots) => ({ proxy, slots })))

const EVENTS: [string, (world: ProxiedWorld) => Promise<void>][] = [
  [
    'rolling reload, twice',
    async ({ cli }) => {
      await cli.ok('reload', 'api')
      await cli.ok('reload', 'api')
    },
  ],
  [
    'scale 2 → 4 → 2',
    async ({ cli }) => {
      await cli.ok('scale', 'api', '4')
      await cli.ok('scale', 'api', '2')
    },
  ],
  [
    'the daemon is killed',
    async ({ cli }) => {
      const { pid } = JSON.parse(readFileSync(cli.home.daemonPid, 'utf8')) as { pid: number }
      process.kill(pid, 'SIGKILL')
      await until(async () => (await cli.lbm('ping')).exitCode === 0 || undefined)
    },
  ],
  [
    'lbm upgrade',
    async (world) => {
      const before = supervisorPids(world.cli)
      await world.cli.ok('upgrade')
      await until(() => !supervisorPids(world.cli).some((pid) => before.includes(pid)) || undefined)
      await until(() => before.every(isGone) || undefined)
    },
  ],
]

function isGone(pid: number): boolean {
  return !existsSync(`/proc/${pid}`)
}

async function warmedUp(world: ProxiedWorld): Promise<Load> {
  const load = startLoad({ port: world.port, slowMs: 60 })
  await until(() => load.result.byPid.size >= 2 || undefined)
  return load
}

describe.concurrent.each(CELLS)('$proxy, $slots slots', ({ proxy, slots }) => {
  test('0 requests lost', { timeout: 180_000 }, async () => {
    await using world = await proxiedWorld(proxy, { slots, app: { slots: { max: 4 } } })
    for (const [event, happen] of EVENTS) {
      const load = await warmedUp(world)
      await happen(world)
      const { requests, failures } = await load.stop()
      printFigure(`${proxy}, ${slots}: ${event}: ${failures.length} of ${requests} failed`)
      expect(failures, `${event}: failures`).toEqual([])
    }

    const load = await warmedUp(world)
    const [instance] = await world.cli.jlist()
    const killedAt = await endAll([instance?.pid ?? 0])
    await until(async () => {
      const list = await world.cli.jlist()
      return list.every(({ pm2_env: env }) => env.status === 'online') || undefined
    })
    const { requests, failures, failedFrom } = await load.stop()
    printFigure(
      `${proxy}, ${slots}: kill -9 of an instance: ${failures.length} of ${requests} failed, all in its hands`,
    )
    for (const from of failedFrom) expect(from).toBeLessThan(killedAt)
  })
})
