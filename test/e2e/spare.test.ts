import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { ask, askAll } from '../helpers/ask.ts'
import { type Cli, type ListedInstance, newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { NODES } from '../helpers/nodes.ts'
import { processesOf } from '../helpers/processes.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'
import { until } from '../helpers/until.ts'

interface Own {
  number: number
  leader?: boolean
  spares?: { pid: number; phase: string }[]
}

const own = ({ pm2_env }: ListedInstance): Own => pm2_env['lbm'] as Own

/** Resolves with the pid of a spare that is ready, another than those. */
const readySpare = (cli: Cli, except: readonly number[] = []): Promise<number> =>
  until(async () => {
    const [first] = await cli.jlist()
    const spares = first === undefined ? [] : (own(first).spares ?? [])
    return spares.find(({ pid, phase }) => phase === 'ready' && !except.includes(pid))?.pid
  })

const running = (cli: Cli, pid: number): boolean =>
  processesOf(cli.home.root).some((one) => one.pid === pid)

/** Until somebody else than those answers. */
async function answersAnew(port: number, known: ReadonlySet<number>): Promise<number> {
  return await until(async () => {
    const { pid } = await ask(port).catch(() => ({ pid: 0 }))
    return pid === 0 || known.has(pid) ? undefined : pid
  })
}

test.each(NODES)('%s: kill -9 → the spare answers under the number', async (_name, node) => {
  await using cli = newCli()
  const port = await freePort()
  const script = join(FIXTURES, 'http.cjs')
  await cli.ok('start', script, '-n', 'app', '-i', '2', '--spare', '1', '--interpreter', node, {
    env: { PORT: String(port) },
  })
  const spare = await readySpare(cli)
  expect((await cli.ok('describe', '0')).stdout).toMatch(
    new RegExp(`spare\\s+│\\s+1 ready \\(pid ${spare}\\)`),
  )
  const before = await cli.jlist()
  expect(before.map(({ pid }) => pid)).not.toContain(spare)
  expect((await cli.ok('list')).stdout).not.toContain(String(spare))
  const victim = before[1]?.pid ?? 0
  const load = startLoad({ port, keepAlive: 4, fresh: 4 })
  const known = await askAll(port, 2)
  process.kill(victim, 'SIGKILL')
  const began = performance.now()
  expect(await answersAnew(port, known)).toBe(spare)
  const ms = performance.now() - began
  const { requests, failures } = await load.stop()
  printFigure(
    `the spare answered ${Math.round(ms)} ms after the kill; ${failures.length} of ${requests} requests were in flight`,
  )
  const [, after] = await cli.jlist()
  expect(after).toMatchObject({ pid: spare, pm_id: 1, pm2_env: { restart_time: 1 } })
  // One request at a time in each of eight clients, spread over two instances.
  expect(failures.length).toBeLessThanOrEqual(8)
})

test('new code: after a reload the spare has it, and before it nobody', async () => {
  await using cli = newCli()
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'spare-'))
  const port = await freePort()
  const release = (version: string): void =>
    writeFileSync(
      join(folder, 'app.js'),
      `require('node:http').createServer((_, response) => response.end(process.pid + ' ${version}')).listen(${port})\n`,
    )
  release('old')
  await cli.ok('start', join(folder, 'app.js'), '-n', 'app', '-i', '2', '--spare', '1')
  const old = await readySpare(cli)
  release('new')
  await cli.ok('reload', 'app')
  const spare = await readySpare(cli, [old])
  expect(running(cli, old)).toBe(false)
  const known = await askAll(port, 2)
  const [victim] = [...known]
  process.kill(victim ?? 0, 'SIGKILL')
  expect(await answersAnew(port, known)).toBe(spare)
  for (let turn = 0; turn < 10; turn += 1) expect((await ask(port)).body).toMatch(/ new$/)
})

test('scale, stop, delete and kill leave no spare behind', async () => {
  await using cli = newCli()
  const env = { PORT: String(await freePort()) }
  const script = join(FIXTURES, 'http.cjs')
  await cli.ok('start', script, '-n', 'app', '-i', '2', '--spare', '2', { env })
  const first = await readySpare(cli)
  await cli.ok('scale', 'app', '3')
  await until(async () => !running(cli, first) || undefined)
  const second = await readySpare(cli, [first])
  await cli.ok('stop', 'app')
  expect(running(cli, second)).toBe(false)
  await cli.ok('start', 'app')
  const third = await readySpare(cli, [first, second])
  await cli.ok('delete', 'app')
  expect(running(cli, third)).toBe(false)
  await cli.ok('start', script, '-n', 'app', '-i', '2', '--spare', '2', { env })
  await readySpare(cli)
  await cli.ok('kill')
  // What answered the command may still be on its way out; the programs are gone.
  const left = processesOf(cli.home.root)
  expect(left.filter(({ command }) => command.includes('http.cjs'))).toEqual([])
  await until(() => processesOf(cli.home.root).length === 0 || undefined)
})

test('its supervisor dies: the spare is gone, and the next supervisor makes one', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('start', join(FIXTURES, 'http.cjs'), '-n', 'app', '-i', '2', '--spare', '1', {
    env: { PORT: String(port) },
  })
  const spare = await readySpare(cli)
  const file = join(cli.home.runDir, 'app-app.json')
  const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
  process.kill(pid, 'SIGKILL')
  await until(() => !running(cli, spare) || undefined)
  const next = await readySpare(cli, [spare])
  const listed = await cli.jlist()
  expect(await askAll(port, 2)).toEqual(new Set(listed.map((one) => one.pid)))
  expect(listed.map((one) => one.pid)).not.toContain(next)
})

test('leader: a spare leads only once it is an instance, and never beside another', async () => {
  await using cli = newCli()
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'spare-'))
  const port = await freePort()
  const app = {
    name: 'app',
    script: join(FIXTURES, 'leader.cjs'),
    instances: 2,
    spare: 1,
    leader: true,
    min_uptime: 0,
    env: { PORT: String(port), LOCK: join(folder, 'lock'), VIOLATIONS: join(folder, 'violations') },
  }
  writeFileSync(join(folder, 'eco.json'), JSON.stringify({ apps: [app] }))
  await cli.ok('start', join(folder, 'eco.json'))
  const known: number[] = []
  for (let turn = 0; turn < 4; turn += 1) {
    known.push(await readySpare(cli, known))
    const leader = await until(async () => (await cli.jlist()).find((one) => own(one).leader))
    process.kill(leader.pid, 'SIGKILL')
    await until(async () => {
      const next = (await cli.jlist()).find((one) => own(one).leader)
      return next !== undefined && next.pid !== leader.pid ? next : undefined
    })
  }
  expect(existsSync(app.env.VIOLATIONS)).toBe(false)
})

test('apply changes the number of spares in place', async () => {
  await using cli = newCli()
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'spare-'))
  const file = join(folder, 'eco.json')
  const port = await freePort()
  const define = (spare: number): void => {
    const app = { name: 'app', script: join(FIXTURES, 'http.cjs'), instances: 2, spare }
    writeFileSync(file, JSON.stringify({ apps: [{ ...app, env: { PORT: port } }] }))
  }
  define(0)
  await cli.ok('start', file)
  const before = (await cli.jlist()).map(({ pid }) => pid)
  define(1)
  await cli.ok('apply', file)
  const spare = await readySpare(cli)
  expect((await cli.jlist()).map(({ pid }) => pid)).toEqual(before)
  define(0)
  await cli.ok('apply', file)
  await until(() => !running(cli, spare) || undefined)
  expect((await cli.jlist()).map(({ pid }) => pid)).toEqual(before)
})

test('where there can be none it is said, and what to do', async () => {
  await using cli = newCli()
  const { exitCode, stderr } = await cli.lbm('start', join(FIXTURES, 'http.cjs'), '--spare', '1')
  expect(exitCode).not.toBe(0)
  expect(stderr).toMatch(/spare: in fork mode each instance binds its port itself/)
  expect(stderr).toMatch(/-i <n>/)
})
