import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
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
const BROKEN = join(import.meta.dirname, '../fixtures/apps/throws.cjs')

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

test('both stay when the command has ended, with an app that runs or one that does not', async () => {
  await using cli = newCli()
  expect((await cli.lbm('start', BROKEN, '-i', '1', '-n', 'broken')).exitCode).toBe(1)
  const listed = await cli.jlist()
  expect(listed.map(({ name, pm2_env }) => [name, pm2_env.status])).toEqual([['broken', 'errored']])
})

test('an option that there is not → exit 2, and when the command ends nothing runs', async () => {
  await using cli = newCli()
  const run = await cli.lbm('start', HTTP, '--nonsense')
  expect(run.exitCode).toBe(2)
  expect(processesOf(cli.home.root)).toEqual([])
})

test('what the daemon refuses → nothing runs soon after', async () => {
  await using cli = newCli()
  expect(
    (await cli.lbm('start', HTTP, '-i', '2', '--cron-restart', '61 * * * *')).exitCode,
  ).not.toBe(0)
  await until(() => processesOf(cli.home.root).length === 0)
})

test.each(['SIGINT', 'SIGKILL'] as const)(
  '%s of the command while both boot → nothing runs soon after',
  async (signal) => {
    await using cli = newCli()
    const command = cli.start('start', HTTP, '-i', '2')
    await until(() => processesOf(cli.home.root).length >= 3)
    process.kill(command.pid, signal)
    await command.done
    // The request may have been out already: then the app is there, and so is what it needs.
    await until(async () => processesOf(cli.home.root).length === 0 || (await isListed(cli)))
  },
)

async function isListed(cli: Cli): Promise<boolean> {
  const { exitCode, stdout } = await cli.lbm('jlist')
  return exitCode === 0 && stdout.trim() !== '[]'
}

test('one whose name another process has ends, and leaves the file alone', async () => {
  await using cli = newCli()
  mkdirSync(cli.home.runDir, { recursive: true })
  const file = join(cli.home.runDir, 'app-a.json')
  const owner = JSON.stringify({ pid: process.pid, pidStart: 1, instances: [] })
  writeFileSync(file, owner)
  const { status } = spawnSync(process.execPath, [join(DIST, 'supervisor.cjs'), '--expected'], {
    env: { ...process.env, LBM_HOME: cli.home.root },
    input: 'app-a\n',
    timeout: 20_000,
  })
  expect(status).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(owner)
})

test.each(['daemon', 'supervisor'])(
  'an expected %s ends with a command that asks for nothing',
  async (program) => {
    await using cli = newCli()
    mkdirSync(cli.home.runDir, { recursive: true })
    const child = spawn(process.execPath, [join(DIST, `${program}.cjs`), '--expected'], {
      env: { ...process.env, LBM_HOME: cli.home.root },
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const ended = once(child, 'exit')
    child.stdin.end()
    expect(await ended).toEqual([0, null])
  },
)
