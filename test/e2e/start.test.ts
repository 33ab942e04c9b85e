import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { ask, askAll } from '../helpers/ask.ts'
import { type ListedInstance, newCli, type Run } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { freePort } from '../helpers/free-port.ts'
import { NODES } from '../helpers/nodes.ts'
import { processesOf } from '../helpers/processes.ts'
import { until } from '../helpers/until.ts'

const app = (name: string): string => join(FIXTURES, name)

describe.each(NODES)('instances on %s', (_name, node) => {
  test.each([
    ['http.cjs', 1],
    ['http.cjs', 2],
    ['http.cjs', 8],
    ['http.mjs', 1],
    ['http.mjs', 2],
    ['http.mjs', 8],
  ])('start %s -i %i → every pid answers', async (file, count) => {
    await using cli = newCli()
    const port = await freePort()
    await cli.ok('start', app(file), '-i', String(count), '--interpreter', node, {
      env: { PORT: String(port) },
    })
    const listed = await cli.jlist()
    expect(listed.map(({ pm2_env }) => pm2_env.status)).toEqual(Array(count).fill('online'))
    expect(await askAll(port, count)).toEqual(new Set(listed.map(({ pid }) => pid)))
  })

  test.each(['http.cjs', 'http.mjs'])('start %s in fork mode → answers', async (file) => {
    await using cli = newCli()
    const port = await freePort()
    await cli.ok('start', app(file), '--interpreter', node, { env: { PORT: String(port) } })
    const [listed] = await cli.jlist()
    expect((await ask(port)).pid).toBe(listed?.pid)
    expect(listed?.pm2_env.exec_mode).toBe('fork_mode')
  })
})

const CAN_TYPESCRIPT = /^(?:22\.(?:1[89]|[2-9]\d)|23\.(?:[6-9]|\d\d)|2[4-9])/

test.each(NODES)(
  'TypeScript on %s: runs in both modes, or is refused by a sentence',
  async (_name, node) => {
    await using cli = newCli({ node })
    const version = execFileSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
    const [one, two] = [await freePort(), await freePort()]
    const start = (port: number, ...words: string[]): Promise<Run> =>
      cli.lbm('start', app('http.ts'), '--json', ...words, { env: { PORT: String(port) } })
    const fork = await start(one, '-n', 'fork')
    if (!CAN_TYPESCRIPT.test(version)) {
      expect(fork.exitCode).toBe(1)
      expect(fork.stderr).toMatch(
        /cannot run .*http\.ts: TypeScript runs by itself from Node 22\.18/,
      )
      return
    }
    expect((await start(two, '-n', 'cluster', '-i', '2')).exitCode).toBe(0)
    const pidsOf = (name: string, list: ListedInstance[]): Set<number> =>
      new Set(list.filter((instance) => instance.name === name).map(({ pid }) => pid))
    const listed = await cli.jlist()
    expect(await askAll(one, 1)).toEqual(pidsOf('fork', listed))
    expect(await askAll(two, 2)).toEqual(pidsOf('cluster', listed))
  },
)

describe.each([
  ['fork', []],
  ['cluster', ['-i', '2']],
])('programs that others wrote, unmodified, in %s mode', (mode, flags) => {
  test.each(['express.cjs', 'fastify.mjs', 'koa.cjs', 'hono.mjs', 'socket-io.cjs'])(
    '%s',
    async (file) => {
      await using cli = newCli()
      const port = await freePort()
      await cli.ok('start', app(`frameworks/${file}`), ...flags, { env: { PORT: String(port) } })
      const count = mode === 'fork' ? 1 : 2
      expect(await askAll(port, count)).toEqual(new Set((await cli.jlist()).map(({ pid }) => pid)))
    },
  )

  test('a static server from npm', async () => {
    await using cli = newCli()
    const port = await freePort()
    const server = join(FIXTURES, '../../../node_modules/.bin/sirv')
    await cli.ok('start', server, ...flags, '--', FIXTURES, '--port', String(port), '--quiet')
    expect((await ask(port, '/throws.cjs')).body).toContain('no database')
    expect(await cli.jlist()).toHaveLength(mode === 'fork' ? 1 : 2)
  })
})

test('online: kill -9 under list → same instance number, 1 restart, the true signal', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('start', app('http.cjs'), '-i', '2', { env: { PORT: String(port) } })
  const victim = (await cli.jlist())[1]
  process.kill(victim?.pid ?? 0, 'SIGKILL')
  const after = await until(async () => {
    const [, second] = await cli.jlist()
    return second?.pm2_env.status === 'online' && second.pid !== victim?.pid ? second : undefined
  })
  expect(after.pm2_env).toMatchObject({ restart_time: 1, NODE_APP_INSTANCE: 1 })
  expect(after.pm2_env['lbm']).toMatchObject({ last_exit: { signal: 'SIGKILL', code: null } })
  expect((await askAll(port, 2)).has(after.pid)).toBe(true)
  expect((await cli.ok('list')).stdout).toMatch(/│ *1 *│ *http/)
})

test('start of an app that throws → exit 1 and the throw; list → 0; stop of an unknown app → 1', async () => {
  await using cli = newCli()
  const start = await cli.lbm('start', app('throws.cjs'))
  expect(start.exitCode).toBe(1)
  expect(start.stderr).toContain('Error: no database')
  const list = await cli.lbm('list')
  expect(list.exitCode).toBe(0)
  expect(list.stdout).toContain('errored')
  const stop = await cli.lbm('stop', 'nosuch')
  expect(stop.exitCode).toBe(1)
  expect(stop.stderr).toMatch(/nosuch/)
})

test('no daemon: jlist prints [] and nothing else, and starts none', async () => {
  await using cli = newCli()
  expect(await cli.lbm('jlist')).toMatchObject({ exitCode: 0, stdout: '[]', stderr: '' })
  expect(processesOf(cli.home.root)).toEqual([])
})

test.each([
  ['fork', []],
  ['cluster', ['-i', '1']],
])('%s: 20,000 lines and process.exit(1) → all of them in the log', async (_mode, flags) => {
  await using cli = newCli()
  await cli.lbm('start', app('noisy.cjs'), ...flags, '--no-autorestart')
  const [log] = readdirSync(cli.home.logsDir).filter((name) => name.includes('-out'))
  const lines = readFileSync(join(cli.home.logsDir, log ?? ''), 'utf8')
    .trimEnd()
    .split('\n')
  expect(lines).toHaveLength(20_000)
})

test('kill → no process, socket or pid file of lbm or of an app', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('start', app('http.cjs'), '-i', '2', { env: { PORT: String(port) } })
  await cli.ok('start', app('stubborn.cjs'), '--kill-timeout', '500')
  expect(processesOf(cli.home.root).length).toBeGreaterThan(5)
  await cli.ok('kill')
  await until(() => processesOf(cli.home.root).length === 0 || undefined, 3000)
  expect(existsSync(cli.home.socket)).toBe(false)
  expect(existsSync(cli.home.daemonPid)).toBe(false)
  // What apps were like when they last ran well is kept for `lbm why`.
  expect(readdirSync(cli.home.runDir).filter((name) => name !== 'well')).toEqual([])
  expect(readdirSync(cli.home.pidsDir)).toEqual([])
  await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
})
