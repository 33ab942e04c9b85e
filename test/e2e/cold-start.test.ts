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

test('what the daemon refuses → no app, and no supervisor soon after', async () => {
  await using cli = newCli()
  const run = await cli.lbm('start', HTTP, '-i', '2', '--cron-restart', '61 * * * *')
  expect(run.exitCode).not.toBe(0)
  expect(await cli.jlist()).toEqual([])
  await until(() => supervisorsOf(cli).length === 0)
})

test.each(['SIGINT', 'SIGKILL'] as const)(
  '%s of the command in the middle → the app is there whole, or nothing of it',
  async (signal) => {
    for (const processes of [2, 3, 4, 5]) {
      await using cli = newCli()
      const command = cli.start('start', HTTP, '-i', '2', {
        env: { PORT: String(await freePort()) },
      })
      await until(() => processesOf(cli.home.root).length >= processes)
      process.kill(command.pid, signal)
      await command.done
      await until(async () => {
        const { stdout } = await cli.lbm('jlist')
        const listed = stdout.trim() === '' ? [] : (JSON.parse(stdout) as { pid: number }[])
        const apps = processesOf(cli.home.root).filter(({ command: line }) => line.includes(HTTP))
        const isWhole = listed.length === 2 && apps.length === 2
        return isWhole || (listed.length === 0 && apps.length + supervisorsOf(cli).length === 0)
      })
    }
  },
)

test('it listens, and the daemon knows it, though it began before the daemon did', async () => {
  await using cli = newCli()
  await cli.ok('start', HTTP, '-i', '2', { env: { PORT: String(await freePort()) } })
  await until(() => readFileSync(cli.home.state, 'utf8').includes('"listens":true'))
})

test('when the command returns, each instance is online, and its memory is known', async () => {
  for (const count of [1, 4, 8]) {
    await using cli = newCli()
    const env = { PORT: String(await freePort()) }
    const { stdout } = await cli.ok('start', HTTP, '-i', String(count), { env })
    expect(stdout.match(/│ [\d.]+mb +│/g)).toHaveLength(count)
    const listed = await cli.jlist()
    expect(listed.map(({ pm2_env }) => pm2_env.status)).toEqual(Array(count).fill('online'))
  }
})

test('one whose name another process has ends, and leaves the file alone', async () => {
  await using cli = newCli()
  mkdirSync(cli.home.runDir, { recursive: true })
  const file = join(cli.home.runDir, 'app-a.json')
  const owner = JSON.stringify({ pid: process.pid, pidStart: 1, instances: [] })
  writeFileSync(file, owner)
  const { status } = spawnSync(process.execPath, [join(DIST, 'supervisor.cjs'), '--expected'], {
    env: { ...process.env, LBM_HOME: cli.home.root },
    input: '{"id":"app-a"}\n',
    timeout: 20_000,
  })
  expect(status).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(owner)
})

test('an expected supervisor ends with a command that asks for nothing', async () => {
  await using cli = newCli()
  mkdirSync(cli.home.runDir, { recursive: true })
  const child = spawn(process.execPath, [join(DIST, 'supervisor.cjs'), '--expected'], {
    env: { ...process.env, LBM_HOME: cli.home.root },
    stdio: ['pipe', 'ignore', 'inherit'],
  })
  const ended = once(child, 'exit')
  child.stdin.end()
  expect(await ended).toEqual([0, null])
})
