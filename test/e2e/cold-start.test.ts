import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { ask } from '../helpers/ask.ts'
import { type Cli, newCli } from '../helpers/cli.ts'
import { DIST } from '../helpers/dist.ts'
import { freePort } from '../helpers/free-port.ts'
import { processesOf } from '../helpers/processes.ts'
import { until } from '../helpers/until.ts'

const HTTP = join(import.meta.dirname, '../fixtures/apps/http.cjs')

const supervisorsOf = ({ home }: Cli): string[] =>
  processesOf(home.root)
    .filter(({ command }) => command.includes('supervisor'))
    .map(({ command }) => command)

test('the first supervisor starts beside the daemon, which adopts it', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('start', HTTP, '-i', '2', { env: { PORT: String(port) } })
  expect(supervisorsOf(cli)).toHaveLength(1)
  const log = readFileSync(cli.home.daemonLog, 'utf8')
  expect(log).toContain('"supervisor.started"')
  expect(log).not.toContain('"supervisor.spawned"')
  await cli.ok('start', HTTP, '-n', 'other', { env: { PORT: String(await freePort()) } })
  expect(supervisorsOf(cli)).toHaveLength(2)
})

test('several first commands at once → one daemon, a supervisor an app, every app answers', async () => {
  await using cli = newCli()
  const ports = await Promise.all(Array.from({ length: 4 }, freePort))
  await Promise.all(
    ports.map((port, index) =>
      cli.ok('start', HTTP, '-i', '1', '-n', `app${index}`, { env: { PORT: String(port) } }),
    ),
  )
  for (const port of ports) expect((await ask(port)).status).toBe(200)
  expect(await cli.jlist()).toHaveLength(4)
  // One whose command did not start the daemon may come late, and finds its name taken.
  const ids = (): string[] =>
    supervisorsOf(cli).flatMap((command) => /app-app\d/.exec(command)?.[0] ?? [])
  await until(() => ids().length === 4)
  expect(ids().toSorted()).toEqual(['app-app0', 'app-app1', 'app-app2', 'app-app3'])
})

test('a start that the daemon refuses → nothing runs, and kill leaves nothing', async () => {
  await using cli = newCli()
  const file = join(cli.home.root, 'busy.ecosystem.config.json')
  writeFileSync(
    file,
    JSON.stringify({
      apps: [{ name: 'a', script: HTTP, instances: 2, cron_restart: '61 * * * *' }],
    }),
  )
  expect((await cli.lbm('start', file)).exitCode).not.toBe(0)
  expect(await cli.jlist()).toEqual([])
})

test('one whose name another process has ends, and leaves the file alone', async () => {
  await using cli = newCli()
  mkdirSync(cli.home.runDir, { recursive: true })
  const file = join(cli.home.runDir, 'app-a.json')
  const owner = JSON.stringify({ pid: process.pid, pidStart: 1, instances: [] })
  writeFileSync(file, owner)
  const { status } = spawnSync(
    process.execPath,
    [join(DIST, 'supervisor.cjs'), 'app-a', '--expected'],
    { env: { ...process.env, LBM_HOME: cli.home.root }, timeout: 20_000 },
  )
  expect(status).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(owner)
})
