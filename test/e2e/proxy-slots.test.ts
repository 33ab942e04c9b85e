/** Addresses that lbm chose: nobody else's, and the same whatever happens to lbm. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { type Cli, newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { startLoad } from '../helpers/load.ts'
import { supervisorPids } from '../helpers/supervisor-pids.ts'
import { until } from '../helpers/until.ts'

const APPS = ['one', 'two']
const LAST_BELOW = Number(
  /^\d+/.exec(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8'))?.[0],
)

/** Those of the first app first. */
const slotsOf = async (cli: Cli): Promise<string[]> =>
  (await cli.jlist())
    .toSorted((a, b) => a.name.localeCompare(b.name) || a.pm_id - b.pm_id)
    .map(({ pm2_env: env }) => (env['lbm'] as { slot: string }).slot)

const portOf = (slot: string): number => Number(slot.split(':')[1])

test('slots without a base: stable, below outgoing ports, no two alike', async () => {
  await using cli = newCli()
  const apps = APPS.map((name) => ({
    name,
    script: join(FIXTURES, 'http.cjs'),
    instances: 2,
    env: { PORT: '0' },
    slots: true,
    reload_min_uptime: 0,
    drain_idle: 300,
  }))
  const file = join(cli.home.root, 'ecosystem.json')
  writeFileSync(file, JSON.stringify({ apps }))
  await cli.ok('start', file)
  const chosen = await slotsOf(cli)
  const ports = chosen.map(portOf)
  expect(new Set(ports).size).toBe(4)
  for (const port of ports) expect(port).toBeLessThan(LAST_BELOW)

  const [first = 0] = ports
  const taken = await cli.lbm(
    'start',
    join(FIXTURES, 'http.cjs'),
    '-n',
    'c',
    '--slots',
    `${first + 5}`,
  )
  expect(taken.exitCode).toBe(2)
  expect(taken.stderr).toMatch(/its slots at \d+ to \d+ are those of "one"/)

  const load = startLoad({ port: first, slowMs: 50 })
  const described = await until(async () => {
    const { stdout } = await cli.ok('describe', 'one')
    return /evenness +│ \d\.\d\d /.test(stdout) ? stdout : undefined
  })
  expect(described).toMatch(new RegExp(`slot +│ 127\\.0\\.0\\.1:${first} `))
  await cli.ok('upgrade')
  const { pid } = JSON.parse(readFileSync(cli.home.daemonPid, 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await until(async () => (await cli.lbm('ping')).exitCode === 0 || undefined)
  const { requests, failures } = await load.stop()
  printFigure(
    `a chosen slot in an upgrade and a daemon's death: ${failures.length} of ${requests} failed`,
  )
  expect(failures).toEqual([])
  expect(await slotsOf(cli)).toEqual(chosen)

  // What a reboot is for lbm.
  await cli.ok('save')
  await cli.ok('kill')
  await cli.ok('resurrect')
  expect(await slotsOf(cli)).toEqual(chosen)
  await until(async () => (await answers(first)) || undefined)

  for (const supervisor of supervisorPids(cli)) process.kill(supervisor, 'SIGKILL')
  await until(async () => {
    const list = await cli.jlist()
    return list.every(({ pm2_env: env }) => env.status === 'online') || undefined
  })
  await until(async () => (await answers(first)) || undefined)
  expect(await slotsOf(cli)).toEqual(chosen)
})

async function answers(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/`).then(
    (response) => response.ok,
    () => false,
  )
}
