import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { ask } from '../helpers/ask.ts'
import { type Cli, newCli, type Run } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'

interface App extends Record<string, unknown> {
  name: string
  script: string
}

interface World extends AsyncDisposable {
  cli: Cli
  folder: string
  write(...apps: App[]): void
  plan(...words: string[]): Promise<PlannedApp[]>
  apply(...words: string[]): Promise<Run>
  /** pid of each instance, by name and number. */
  pids(): Promise<Record<string, number>>
}

interface PlannedApp {
  name: string
  status: string
  action: string
  changes: { key: string; from: Side; to: Side; effect: string }[]
  instances?: { from: number; to: number }
  result?: string
}

interface Side {
  value: unknown
  source: string
}

/** A folder with the fixtures and an ecosystem file, and a home. */
function world(): World {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'apply-'))
  cpSync(FIXTURES, folder, { recursive: true })
  const cli = newCli({ cwd: folder })
  return {
    cli,
    folder,
    write: (...apps) => writeFileSync(join(folder, 'ecosystem.json'), JSON.stringify({ apps })),
    async plan(...words) {
      const { stdout } = await cli.ok('plan', 'ecosystem.json', '--json', ...words)
      return (JSON.parse(stdout) as { apps: PlannedApp[] }).apps
    },
    apply: (...words) => cli.lbm('apply', 'ecosystem.json', ...words),
    async pids() {
      const listed = await cli.jlist()
      return Object.fromEntries(
        listed.map(({ name, pid, pm2_env }) => [
          `${name} ${String(pm2_env['NODE_APP_INSTANCE'])}`,
          pid,
        ]),
      )
    },
    async [Symbol.asyncDispose]() {
      await cli[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const told = (apps: PlannedApp[]): string[] =>
  apps.map(({ name, status, action }) => `${name}: ${status}, ${action}`)

const WORKER: App = { name: 'worker', script: 'worker.cjs', kill_timeout: 500 }

test('twice in a row, in another shell → nothing to do, the same pids', async () => {
  await using on = world()
  const port = await freePort()
  on.write(
    { name: 'api', script: 'http.cjs', instances: 2, env: { PORT: port } },
    { ...WORKER, watch: ['x'], readiness: { exec: 'true' }, env_production: { A: 1 } },
  )
  expect((await on.apply('--env', 'production')).exitCode).toBe(0)
  const before = await on.pids()
  const again = await on.cli.ok('apply', 'ecosystem.json', '--env', 'production', {
    env: { CI_RUN: '77' },
  })
  expect(again.stdout).toContain('Nothing to do')
  expect(again.stdout).toContain('2 unchanged')
  expect(await on.pids()).toEqual(before)
  expect(told(await on.plan('--env', 'production'))).toEqual([
    'api: unchanged, none',
    'worker: unchanged, none',
  ])
  expect(
    (await on.cli.lbm('plan', 'ecosystem.json', '--env', 'production', '--exit-code')).exitCode,
  ).toBe(0)
})

test('plan of each kind of change, with the values and where they come from; apply makes it so', async () => {
  await using on = world()
  writeFileSync(join(on.folder, 'vars.env'), 'FROM_FILE=1\n')
  const api: App = {
    name: 'api',
    script: 'worker.cjs',
    env: { PORT: 1, API_TOKEN: 'old' },
    env_file: 'vars.env',
    env_production: { LEVEL: 'info' },
  }
  const old = { ...WORKER, name: 'old' }
  on.write(
    api,
    { ...WORKER, name: 'wide', instances: 2 },
    { ...WORKER, name: 'tuned' },
    old,
    WORKER,
  )
  expect((await on.apply('--env', 'production')).exitCode).toBe(0)
  const before = await on.pids()

  writeFileSync(join(on.folder, 'vars.env'), 'FROM_FILE=2\n')
  on.write(
    { ...api, args: ['-x'], env: { PORT: 2, API_TOKEN: 'new' }, env_production: { LEVEL: 'warn' } },
    { ...WORKER, name: 'wide', instances: 3 },
    { ...WORKER, name: 'tuned', kill_timeout: 700 },
    WORKER,
    { ...WORKER, name: 'new' },
  )
  const plan = await on.plan('--env', 'production', '--prune')
  expect(told(plan)).toEqual([
    'api: changed, reload',
    'wide: scaled, scale',
    'tuned: changed, update',
    'worker: unchanged, none',
    'new: new, start',
    'old: removed, delete',
  ])
  expect(
    plan[0]?.changes.map(({ key, from, to }) => [key, from.value, to.value, to.source]),
  ).toEqual([
    ['args', [], ['-x'], 'file'],
    ['env.FROM_FILE', '1', '2', 'env_file:vars.env'],
    ['env.PORT', '1', '2', 'env'],
    ['env.API_TOKEN', '********', '********', 'env'],
    ['env.LEVEL', 'info', 'warn', 'env_production'],
  ])
  expect(plan[1]?.instances).toEqual({ from: 2, to: 3 })
  expect((await on.cli.lbm('plan', 'ecosystem.json', '--exit-code')).exitCode).toBe(4)
  expect(await on.pids()).toEqual(before)

  const applied = await on.apply('--env', 'production', '--prune', '--json')
  expect(applied.exitCode).toBe(0)
  const { apps } = JSON.parse(applied.stdout) as { apps: PlannedApp[] }
  expect(apps.map(({ result }) => result)).toEqual(['done', 'done', 'done', 'none', 'done', 'done'])
  const after = await on.pids()
  const { 'api 0': api0, 'old 0': _, ...kept } = before
  expect(after).toMatchObject(kept)
  expect(after['api 0']).not.toBe(api0)
  expect(Object.keys(after).toSorted()).toEqual([
    'api 0',
    'new 0',
    'tuned 0',
    'wide 0',
    'wide 1',
    'wide 2',
    'worker 0',
  ])
  const [listed] = (await on.cli.jlist()).filter(({ name }) => name === 'api')
  expect(listed?.pm2_env).toMatchObject({ PORT: '2', LEVEL: 'warn', FROM_FILE: '2' })
  expect((await on.apply('--env', 'production', '--prune')).stdout).toContain('Nothing to do')
})

describe('a failing release', () => {
  test(
    'the old version serves, exit 1 and why, the others are applied, what needs it is left',
    { timeout: 60_000 },
    async () => {
      await using on = world()
      const port = await freePort()
      const api: App = { name: 'api', script: 'http.cjs', instances: 2, env: { PORT: port } }
      const web: App = { ...WORKER, name: 'web', depends_on: 'api' }
      on.write(api, web, WORKER, { ...WORKER, name: 'gone' })
      expect((await on.apply()).exitCode).toBe(0)
      const before = await on.pids()
      on.write(
        { ...api, script: 'throws.cjs' },
        { ...web, args: ['new'] },
        { ...WORKER, args: ['new'] },
      )
      const load = startLoad({ port })
      const failing = await on.apply('--prune')
      expect((await load.stop()).failures).toEqual([])
      expect(failing.exitCode).toBe(1)
      expect(failing.stderr).toContain('no database')
      expect(failing.all).toContain('[web] left as it is: it needs api, which did not come up')
      expect(failing.all).toContain('[gone] left as it is: kept, since another app failed')
      const after = await on.pids()
      const { 'worker 0': worker, ...untouched } = before
      expect(after).toMatchObject(untouched)
      expect(after['worker 0']).not.toBe(worker)
      const { pid, number } = await ask(port)
      expect(pid).toBe(after[`api ${number}`] ?? 0)
    },
  )

  test('a new app that fails → exit 1; mended → the next apply starts it', async () => {
    await using on = world()
    on.write({ name: 'api', script: 'throws.cjs' }, WORKER)
    const failing = await on.apply('--json')
    expect(failing.exitCode).toBe(1)
    const { apps } = JSON.parse(failing.stdout) as { apps: PlannedApp[] }
    expect(apps.map(({ name, result }) => `${name} ${result}`)).toEqual([
      'api failed',
      'worker done',
    ])
    cpSync(join(FIXTURES, 'worker.cjs'), join(on.folder, 'throws.cjs'))
    expect(told(await on.plan())).toEqual(['api: stopped, resume', 'worker: unchanged, none'])
    expect((await on.apply()).exitCode).toBe(0)
  })

  test('--timeout → exit 3 while it goes on', async () => {
    await using on = world()
    on.write({
      name: 'slow',
      script: 'slow-boot.cjs',
      env: { BOOT_MS: 6000, PORT: await freePort() },
      wait_ready: true,
    })
    const run = await on.apply('--timeout', '1500ms')
    expect(run.exitCode).toBe(3)
    expect(run.stderr).toContain('Not done within 1.5 s; what was begun goes on')
  })
})

test('a link to another release, and another version → reload', async () => {
  await using on = world()
  const release = (name: string, version: string): void => {
    cpSync(FIXTURES, join(on.folder, name), { recursive: true })
    writeFileSync(join(on.folder, name, 'package.json'), JSON.stringify({ version }))
  }
  release('r1', '1.0.0')
  release('r2', '1.0.0')
  const current = join(on.folder, 'current')
  symlinkSync('r1', current)
  on.write({ ...WORKER, cwd: 'current' })
  expect((await on.apply()).exitCode).toBe(0)
  rmSync(current)
  symlinkSync('r2', current)
  expect((await on.plan())[0]?.changes.map(({ key }) => key)).toEqual(['release'])
  expect((await on.apply()).exitCode).toBe(0)
  release('r2', '1.1.0')
  expect((await on.plan())[0]?.changes.map(({ key }) => key)).toEqual(['version'])
})

test('--only touches nothing else; --update-env takes the shell', async () => {
  await using on = world()
  on.write(WORKER, { ...WORKER, name: 'other' })
  expect((await on.apply('--only', 'worker')).exitCode).toBe(0)
  expect(Object.keys(await on.pids())).toEqual(['worker 0'])
  const env = { FRESH: 'yes' }
  const kept = await on.cli.ok('apply', 'ecosystem.json', '--only', 'worker', { env })
  expect(kept.stdout).toContain('Nothing to do')
  await on.cli.ok('apply', 'ecosystem.json', '--only', 'worker', '--update-env', { env })
  expect((await on.cli.jlist())[0]?.pm2_env['FRESH']).toBe('yes')
  const refused = await on.apply('--only', 'worker', '--prune')
  expect(refused).toMatchObject({ exitCode: 2 })
})

test('stopped by hand → started again, out of the file and back', async () => {
  await using on = world()
  on.write(WORKER)
  await on.apply()
  await on.cli.ok('stop', 'worker')
  expect(told(await on.plan())).toEqual(['worker: stopped, resume'])
  await on.cli.ok('apply', 'ecosystem.json')
  expect((await on.cli.jlist())[0]?.pm2_env.status).toBe('online')
})

test('another out_file → what it prints from then on is there', async () => {
  await using on = world()
  const chatty: App = { name: 'chatty', script: 'worker.cjs', out_file: 'one.log' }
  on.write(chatty)
  await on.cli.ok('apply', 'ecosystem.json')
  on.write({ ...chatty, out_file: 'two.log' })
  await on.cli.ok('apply', 'ecosystem.json')
  await on.cli.ok('stop', 'chatty')
  expect(readFileSync(join(on.folder, 'two.log'), 'utf8')).toBe('working\n')
  expect(readFileSync(join(on.folder, 'one.log'), 'utf8')).toBe('working\n')
})

test('a program in another language that binds its port itself → restarted with its new definition', async () => {
  await using on = world()
  const port = await freePort()
  const python: App = {
    name: 'files',
    script: 'python3 -m http.server',
    env: { A: 1 },
    args: [port],
  }
  on.write(python)
  await on.cli.ok('apply', 'ecosystem.json')
  const before = await on.pids()
  on.write({ ...python, env: { A: 2 } })
  await on.cli.ok('apply', 'ecosystem.json')
  expect(await on.pids()).not.toEqual(before)
  expect((await on.cli.jlist())[0]?.pm2_env).toMatchObject({ status: 'online', A: '2' })
  expect((await on.apply()).stdout).toContain('Nothing to do')
})
