import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { ask, askAll } from '../../helpers/ask.ts'
import { newCli } from '../../helpers/cli.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { freePort } from '../../helpers/free-port.ts'
import { type LiveOptions, type LiveProgram, liveProgram } from '../../helpers/live-program.ts'
import { RUN_FOLDER } from '../../helpers/temp-home.ts'
import { until } from '../../helpers/until.ts'

const RUNTIME = join(DIST, '../bin/lbm-runtime.sh')
const HTTP = join(FIXTURES, 'http.cjs')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'fg-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const file = (name: string, text: string): string => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const runtime = (args: string[], options: LiveOptions = {}): LiveProgram =>
  liveProgram(RUNTIME, args, {
    ...options,
    env: { LBM_HOME: undefined, TMPDIR: folder, ...options.env },
  })
/** Homes of its own that are still there. */
const homes = (): string[] => readdirSync(folder).filter((name) => name.startsWith('lbm-'))

test('the app exits 7 → so does it, in less than a second, with the output as it was and nothing left', async () => {
  const script = file(
    'seven.cjs',
    `console.log('to stdout'); console.error('to stderr'); setTimeout(() => { console.log('end', Date.now()); process.exit(7) }, 1500)`,
  )
  await using program = runtime([script])
  expect(await program.ended).toEqual({ code: 7, signal: null })
  const [, endedAt] = /^to stdout\nend (\d+)\n$/.exec(program.stdout()) ?? []
  expect(Date.now() - Number(endedAt)).toBeLessThan(1000)
  expect(program.stderr()).toMatch(/^to stderr\nlbm: seven \(id 0\) ended: exit code 7 after /)
  expect(program.processes()).toEqual([])
  expect(homes()).toEqual([])
})

test.each([
  ['dies at its start', "console.log('x'); process.exit(9)", 9],
  ['ends well', "console.log('x')", 0],
  ['throws', "console.log('x'); throw new Error('boom')", 1],
  ['is killed', "console.log('x'); process.kill(process.pid, 'SIGKILL')", 137],
])('an app that %s', async (_, text, code) => {
  await using program = runtime([file('ends.cjs', text)])
  expect((await program.ended).code).toBe(code)
  expect(program.stdout()).toBe('x\n')
})

test('20,000 lines and an exit: all are there, whatever stdout is', async () => {
  const script = file(
    'many.cjs',
    'for (let i = 0; i < 20000; i += 1) console.log(`line ${i}`); process.exit(3)',
  )
  const expected = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`).join('')
  // Node makes sockets for its children, as systemd does for journald.
  await using bySocket = runtime([script])
  expect((await bySocket.ended).code).toBe(3)
  expect(bySocket.stdout()).toBe(expected)

  const path = join(folder, 'out.txt')
  const fd = openSync(path, 'a')
  await using byFile = runtime([script], { stdio: ['ignore', fd, fd] })
  closeSync(fd)
  await byFile.ended
  expect(readFileSync(path, 'utf8')).toContain(expected)

  const command = `${RUNTIME} ${script} 2>/dev/null | cat`
  await using byPipe = liveProgram('sh', ['-c', command], { env: { LBM_HOME: undefined } })
  await byPipe.ended
  expect(byPipe.stdout()).toBe(expected)
})

test('SIGTERM: a request in flight is answered first, then it exits 0', async () => {
  const port = await freePort()
  await using program = runtime([HTTP], { env: { PORT: String(port) } })
  await until(() => ask(port).catch(() => undefined))
  const slow = ask(port, '/?ms=700')
  await ask(port)
  program.child.kill('SIGTERM')
  expect((await slow).status).toBe(200)
  expect(await program.ended).toEqual({ code: 0, signal: null })
})

test('a cluster: a worker that dies is replaced; SIGUSR2 reaches the apps', async () => {
  const port = await freePort()
  const script = file(
    'cluster.cjs',
    `process.on('SIGUSR2', () => console.log('usr2', process.env.NODE_APP_INSTANCE)); require(${JSON.stringify(HTTP)})`,
  )
  await using program = runtime(['start', script, '-i', '2', '--formatted'], {
    env: { PORT: String(port) },
  })
  await until(() => ask(port).catch(() => undefined))
  const before = await askAll(port, 2)
  await ask(port, '/die').catch(() => undefined)
  await program.saw(/is started again/)
  await until(async () => {
    const now = await askAll(port, 2).catch(() => new Set<number>())
    return [...now].some((pid) => !before.has(pid)) && now.size === 2
  })
  program.child.kill('SIGUSR2')
  await program.saw(/^0\|cluster \| usr2 0$/m)
  await program.saw(/^1\|cluster \| usr2 1$/m)
})

test('apps of a file: it ends when the last has ended, with the first failure', async () => {
  const app = (name: string, code: number, afterMs: number): object => ({
    name,
    script: file(`${name}.cjs`, `setTimeout(() => process.exit(${code}), ${afterMs})`),
    autorestart: false,
    log_type: 'json',
  })
  const config = file('eco.json', JSON.stringify({ apps: [app('a', 0, 1400), app('b', 6, 1600)] }))
  await using program = runtime([config, '--some-unknown-option'])
  expect((await program.ended).code).toBe(6)
  expect(program.stderr()).toContain('--some-unknown-option is unknown here')
})

test('wrong usage and a missing script: a sentence, no stack, nothing left', async () => {
  await using program = runtime([join(folder, 'none.cjs')])
  expect((await program.ended).code).toBe(1)
  expect(program.stderr()).toMatch(/^lbm: There is no script .*none\.cjs\./)
  expect(homes()).toEqual([])
})

test('kill -9 of the process in the foreground ends its apps', async () => {
  const port = await freePort()
  await using program = runtime([HTTP], { env: { PORT: String(port) } })
  await until(() => ask(port).catch(() => undefined))
  program.child.kill('SIGKILL')
  await program.ended
  await until(() => program.processes().length === 0)
  for (const home of homes()) rmSync(join(folder, home), { recursive: true })
})

test('LBM_HOME given: its commands work meanwhile, a second one is refused, and the next run begins anew', async () => {
  const port = await freePort()
  await using cli = newCli()
  const env = { LBM_HOME: cli.home.root, PORT: String(port) }
  {
    await using program = runtime([HTTP, '-n', 'api'], { env })
    await until(() => ask(port).catch(() => undefined))
    expect((await cli.jlist()).map(({ name }) => name)).toEqual(['api'])
    await using second = runtime([HTTP, '-n', 'other'], { env })
    expect((await second.ended).code).toBe(1)
    expect(second.stderr()).toContain('A daemon runs in')
    program.child.kill('SIGINT')
    expect((await program.ended).code).toBe(0)
  }
  await using program = runtime([HTTP, '-n', 'renamed'], { env })
  await until(() => ask(port).catch(() => undefined))
  expect((await cli.jlist()).map(({ name }) => name)).toEqual(['renamed'])
  program.child.kill('SIGTERM')
  await program.ended
})

const canUnshare = spawnSync('unshare', ['-pf', '--mount-proc', 'true']).status === 0

test('as PID 1: exit code, a drain at SIGTERM, and no zombie of processes whose parent has died', async ({
  skip,
}) => {
  if (!canUnshare) skip('no PID namespaces here: "unshare -pf --mount-proc true" fails')
  const script = file(
    'orphans.cjs',
    `const { spawn, spawnSync } = require('node:child_process')
// Grandchildren whose parent ends at once, in sessions of their own: the kernel gives them to PID 1.
for (let i = 0; i < 5; i += 1)
  spawn('setsid', ['-f', 'sh', '-c', 'sleep 0.3'], { stdio: 'ignore' })
process.on('SIGINT', () => setTimeout(() => process.exit(7), 100))
require('node:http').createServer((request, response) => {
  console.log('asked')
  setTimeout(() => response.end('late'), 800)
}).listen(Number(process.env.PORT))
setTimeout(() => {
  const { stdout } = spawnSync('ps', ['-eo', 'pid,ppid,stat,args'], { encoding: 'utf8' })
  console.log(stdout)
  console.log('listed')
}, 2000)
setInterval(() => undefined, 1000)`,
  )
  const port = await freePort()
  await using program = liveProgram(
    'unshare',
    ['-pf', '--kill-child', '--mount-proc', RUNTIME, script],
    { env: { LBM_HOME: undefined, TMPDIR: folder, PORT: String(port) } },
  )
  await program.saw(/^listed$/m)
  const table = program.stdout().split('\n')
  expect(table.find((line) => /^\s*1 /.test(line))).toContain('lbm-runtime.sh')
  expect(table.filter((line) => /^\s*\d+\s+\d+\s+Z/.test(line))).toEqual([])
  const children = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')
  const answer = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())
  await program.saw(/^asked$/m)
  process.kill(Number(children.trim()), 'SIGTERM')
  expect(await answer).toBe('late')
  expect((await program.ended).code).toBe(7)
})

test('lbm start --foreground is the same for a terminal', async () => {
  const script = file('four.cjs', "console.log('hi'); setTimeout(() => process.exit(4), 1300)")
  const lbm = join(DIST, '../bin/lbm.js')
  await using program = liveProgram(process.execPath, [lbm, 'start', '--foreground', script], {
    env: { LBM_HOME: undefined, TMPDIR: folder },
  })
  expect((await program.ended).code).toBe(4)
  expect(program.stdout()).toBe('hi\n')
})
