import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { connectRpc } from '../../daemon/kernel/rpc-client.ts'
import type { DaemonApi } from '../../src/contract/api.ts'
import { PROTOCOL } from '../../src/contract/version.ts'
import { type Cli, newCli } from '../helpers/cli.ts'
import { DIST } from '../helpers/dist.ts'
import { processesOf } from '../helpers/processes.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'
import { until } from '../helpers/until.ts'

const WRITTEN = 'written-in-the-file-1'
const FILE = 'of-the-env-file-2'
const SHELL = 'of-the-shell-3'
const SECRETS = [WRITTEN, FILE, SHELL]

interface Project extends Disposable {
  folder: string
  envFile: string
  /** What the last start of the app saw. */
  seen(): Record<string, string>
  forget(): void
}

function project(): Project {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'secrets-'))
  const envFile = join(folder, '.env')
  const seenFile = join(folder, 'seen.json')
  writeFileSync(envFile, `FILE_TOKEN=${FILE}\nPLAIN=plain\n`)
  writeFileSync(
    join(folder, 'app.cjs'),
    `require('fs').writeFileSync(${JSON.stringify(seenFile)}, JSON.stringify(process.env))
setInterval(() => {}, 1000)`,
  )
  writeFileSync(join(folder, 'other.cjs'), 'setInterval(() => {}, 1000)')
  const env = {
    DB_PASSWORD: WRITTEN,
    API_TOKEN: '${SHELL_TOKEN}',
    DATABASE_URL: 'postgres://app:${FILE_TOKEN}@db/app',
    PASSWORD_URL: `https://app:${WRITTEN}@host`,
  }
  writeFileSync(
    join(folder, 'ecosystem.json'),
    JSON.stringify({
      apps: [
        { name: 'api', script: 'app.cjs', env_file: '.env', env },
        { name: 'other', script: 'other.cjs' },
      ],
    }),
  )
  return {
    folder,
    envFile,
    seen: () => JSON.parse(readFileSync(seenFile, 'utf8')) as Record<string, string>,
    forget: () => rmSync(seenFile, { force: true }),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const shown = (text: string): string[] => SECRETS.filter((secret) => text.includes(secret))

async function ask(cli: Cli, reveal?: boolean): Promise<string> {
  const hello = { protocol: PROTOCOL, version: 'test', role: 'cli', pid: process.pid } as const
  using peer = await connectRpc<DaemonApi>({ path: cli.home.socket, hello, timeoutMs: 5000 })
  const params = { selectors: ['all'], ...(reveal === undefined ? {} : { reveal }) }
  const answers = [
    await peer.request('app.describe', params, { timeoutMs: 5000 }),
    await peer.request('app.list', {}, { timeoutMs: 5000 }),
  ]
  return JSON.stringify(answers)
}

/** The machine goes down at once. */
async function powerCut(cli: Cli): Promise<void> {
  for (const { pid } of processesOf(cli.home.root)) process.kill(pid, 'SIGKILL')
  await until(() => processesOf(cli.home.root).length === 0 || undefined)
}

test('secrets are in no output, no answer of the API, no event and no log unless revealed', async () => {
  using files = project()
  await using cli = newCli({ cwd: files.folder, env: { SHELL_TOKEN: SHELL } })
  await cli.ok('start', 'ecosystem.json')
  const events = cli.start('events', { timeoutMs: 20_000 })
  await cli.ok('restart', 'api')
  expect(files.seen()).toMatchObject({ API_TOKEN: SHELL, DB_PASSWORD: WRITTEN, FILE_TOKEN: FILE })
  writeFileSync(
    join(files.folder, 'changed.json'),
    readFileSync(join(files.folder, 'ecosystem.json'), 'utf8').replaceAll(
      WRITTEN,
      `${WRITTEN}-new`,
    ),
  )
  const outputs: Record<string, string> = {}
  for (const words of [
    ['list'],
    ['jlist'],
    ['prettylist'],
    ['describe', 'api'],
    ['describe', 'api', '--json'],
    ['env', 'api'],
    ['env', 'api', '--json'],
    ['env', 'api', '--why', 'API_TOKEN'],
    ['start', 'ecosystem.json', '--kill-timeout', 'never'],
    ['start', 'app.cjs', '--name', 'api'],
    ['save'],
    ['plan', 'changed.json'],
    ['plan', 'changed.json', '--json'],
  ]) {
    outputs[words.join(' ')] = (await cli.lbm(...words)).all
  }
  outputs['raw'] = await ask(cli)
  outputs['daemon.log'] = readFileSync(cli.home.daemonLog, 'utf8')
  process.kill(events.pid, 'SIGINT')
  outputs['events'] = (await events.done).all
  for (const [name, text] of Object.entries(outputs)) {
    expect([name, text === '']).toEqual([name, false])
    expect([name, shown(text)]).toEqual([name, []])
  }
  expect(shown((await cli.ok('jlist', '--reveal')).stdout)).toEqual(SECRETS)
  expect(shown((await cli.ok('env', 'api', '--reveal')).stdout)).toEqual(SECRETS)
  expect(shown(await ask(cli, true))).toEqual(SECRETS)
})

test('what an env_file gave is not in the saved state; after a power cut it is read again', async () => {
  using files = project()
  await using cli = newCli({ cwd: files.folder, env: { SHELL_TOKEN: SHELL } })
  await cli.ok('start', 'ecosystem.json')
  await cli.ok('restart', 'api', '--max-memory-restart', '500M')
  await cli.ok('save')
  const stored = (): string =>
    [cli.home.state, `${cli.home.state}.bak`, cli.home.saved]
      .map((file) => readFileSync(file, 'utf8'))
      .join('')
  expect(stored()).not.toContain(FILE)
  expect(shown((await cli.ok('env', 'api', '--reveal')).stdout)).toContain(FILE)

  await powerCut(cli)
  files.forget()
  writeFileSync(files.envFile, `FILE_TOKEN=${FILE}-new\nPLAIN=plain\n`)
  await cli.ok('list', { env: { SHELL_TOKEN: undefined } })
  expect((await cli.lbm('plan', 'ecosystem.json', '--exit-code')).all).not.toMatch(
    /FILE_TOKEN|DATABASE_URL/,
  )
  const seen = await until(() => {
    try {
      return files.seen()
    } catch {
      return undefined
    }
  })
  expect(seen).toMatchObject({
    API_TOKEN: SHELL,
    DB_PASSWORD: WRITTEN,
    FILE_TOKEN: `${FILE}-new`,
    PLAIN: 'plain',
    DATABASE_URL: `postgres://app:${FILE}-new@db/app`,
  })
  expect(stored()).not.toContain(FILE)
  expect((await cli.ok('env', 'api')).stdout).toMatch(/^FILE_TOKEN: \*+$/m)
})

test('the env_file is gone at boot → its app waits and says so, the others run; it is back → so is the app', async () => {
  using files = project()
  await using cli = newCli({ cwd: files.folder, env: { SHELL_TOKEN: SHELL } })
  await cli.ok('start', 'ecosystem.json')
  const text = readFileSync(files.envFile, 'utf8')
  await powerCut(cli)
  rmSync(files.envFile)
  await cli.ok('list')
  await until(async () => {
    const list = await cli.jlist()
    const statuses = Object.fromEntries(list.map((one) => [one.name, one.pm2_env.status]))
    return (statuses['api'] === 'waiting restart' && statuses['other'] === 'online') || undefined
  })
  const told = await cli.ok('describe', 'api')
  expect(told.stdout).toContain(`env_file: ${files.envFile} cannot be read`)
  const restart = await cli.lbm('restart', 'api')
  expect([restart.exitCode, restart.all]).toEqual([
    1,
    expect.stringContaining('cannot be read') as string,
  ])
  writeFileSync(files.envFile, text)
  await cli.ok('restart', 'api')
  expect(files.seen()['FILE_TOKEN']).toBe(FILE)
})

test('a daemon that a service manager gives the variable → a reference is enough; else the value is kept', async () => {
  using files = project()
  await using cli = newCli({ cwd: files.folder, env: { SHELL_TOKEN: SHELL } })
  const boot = async (env: NodeJS.ProcessEnv): Promise<void> => {
    spawn(process.execPath, [join(DIST, 'daemon.cjs')], {
      detached: true,
      stdio: 'ignore',
      env: { ...process.env, ...env, INVOCATION_ID: 'x', LBM_HOME: cli.home.root },
    }).unref()
    await until(async () => (await cli.lbm('ping')).exitCode === 0 || undefined)
  }
  await boot({ SHELL_TOKEN: SHELL })
  await cli.ok('start', 'ecosystem.json')
  expect(readFileSync(cli.home.state, 'utf8')).not.toContain(SHELL)
  await powerCut(cli)
  files.forget()
  await boot({ SHELL_TOKEN: `${SHELL}-new` })
  const seen = await until(() => {
    try {
      return files.seen()
    } catch {
      return undefined
    }
  })
  expect(seen['API_TOKEN']).toBe(`${SHELL}-new`)
  await cli.ok('kill')

  await cli.ok('start', 'ecosystem.json')
  expect(readFileSync(cli.home.state, 'utf8')).toContain(SHELL)
})
