import { spawnSync } from 'node:child_process'
import {
  cpSync,
  type Dirent,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { pidStart } from '../../daemon/kernel/process-identity.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import { askAll } from '../helpers/ask.ts'
import { newCli } from '../helpers/cli.ts'
import { DIST, FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { processesOf } from '../helpers/processes.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'
import { until } from '../helpers/until.ts'

const HTTP = join(FIXTURES, 'http.cjs')

interface Installed extends Disposable {
  bin: string
}

/** The built program under another version. */
function installAs(version: string): Installed {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'version-'))
  const root = join(DIST, '..')
  const manifest = readFileSync(join(root, 'package.json'), 'utf8')
  const { version: own } = JSON.parse(manifest) as { version: string }
  cpSync(join(root, 'bin'), join(folder, 'bin'), { recursive: true })
  cpSync(DIST, join(folder, 'dist'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), manifest.replace(own, version))
  for (const file of readdirSync(join(folder, 'dist')).filter((name) => name.endsWith('.cjs'))) {
    const path = join(folder, 'dist', file)
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll(own, version))
  }
  return {
    bin: join(folder, 'bin/lbm.js'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

test(
  'daemon and all supervisors are killed at once → the next command finds every app, with ids and restart counts',
  { timeout: 60_000 },
  async () => {
    await using cli = newCli()
    const [port, forkPort] = [await freePort(), await freePort()]
    await cli.ok('start', HTTP, '-i', '2', '-n', 'many', { env: { PORT: String(port) } })
    await cli.ok('start', HTTP, '-n', 'one', { env: { PORT: String(forkPort) } })
    await cli.ok('restart', 'one')
    await cli.ok('restart', 'many')
    await cli.ok('restart', 'one')
    const facts = async (): Promise<unknown[]> =>
      (await cli.jlist()).map(({ pm_id, name, pm2_env }) => [pm_id, name, pm2_env.restart_time])
    const before = await facts()
    expect(before).toEqual([
      [0, 'many', 1],
      [1, 'many', 1],
      [2, 'one', 2],
    ])
    const own = processesOf(cli.home.root).filter(({ command }) => command.startsWith('lbm '))
    expect(own).toHaveLength(3)
    for (const { pid } of own) process.kill(pid, 'SIGKILL')
    await until(() => own.every(({ pid }) => pidStart(pid) === 0) || undefined)
    const started = performance.now()
    await cli.ok('list')
    await until(
      async () =>
        (await cli.jlist()).every(({ pm2_env }) => pm2_env.status === 'online') || undefined,
    )
    await askAll(port, 2)
    await askAll(forkPort, 1)
    printFigure(`all answer again after ${Math.round(performance.now() - started)} ms`)
    expect(await facts()).toEqual(before)
  },
)

test('a daemon of another version → the command does its work, and says so on stderr', async () => {
  using newer = installAs('99.0.0')
  await using cli = newCli()
  await cli.ok('start', join(FIXTURES, 'worker.cjs'))
  const { stdout } = await cli.ok('pid', 'worker')
  const other = await cli.ok('pid', 'worker', { bin: newer.bin })
  expect(other.stdout).toBe(stdout)
  expect(other.stderr).toMatch(/the daemon is lbm \S+, this is 99\.0\.0; type "lbm upgrade"/)
  expect((await cli.ok('pid', 'worker')).stderr).toBe('')
})

test('a state of a newer lbm → refused in one sentence, never overwritten by any command', async () => {
  await using cli = newCli()
  const text = '{"schema":99,"nextId":7,"apps":[],"whatever":true}\n'
  writeFileSync(cli.home.state, text)
  for (const words of [['list'], ['restart', 'all'], ['save'], ['resurrect'], ['kill']]) {
    await cli.lbm(...words)
    expect([words, readFileSync(cli.home.state, 'utf8')]).toEqual([words, text])
  }
  const start = await cli.lbm('start', HTTP)
  expect([start.exitCode, start.all]).toEqual([
    1,
    expect.stringContaining(
      'was written by a newer lbm (format 99; this one reads up to',
    ) as string,
  ])
  expect(readdirSync(cli.home.root).filter((name) => name.startsWith('state'))).toEqual([
    'state.json',
  ])
})

/** Nobody else gets into a folder; what an app of another user may open again by its descriptor is wider. */
function allowedModes(entry: Dirent, folder: string, home: HomePaths): string[] {
  // A link is to a folder in memory.
  if (entry.isDirectory() || entry.isSymbolicLink()) return ['700']
  if (entry.isFIFO()) return ['622']
  if (folder === home.logsDir) return ['600', '640']
  return folder === home.pidsDir ? ['644'] : ['600']
}

test('after a busy session no file of the home is for others to read', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('start', HTTP, '-i', '2', '-n', 'many', { env: { PORT: String(port) } })
  await cli
    .ok('start', join(FIXTURES, 'dies-soon.cjs'), '--max-restarts', '2')
    .catch(() => undefined)
  await cli.ok('reload', 'many')
  await cli.ok('save')
  await cli.ok('upgrade')
  const wrong: string[] = []
  let count = 0
  const look = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name)
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat === undefined) continue
      count += 1
      const mode = (stat.mode & 0o777).toString(8)
      const allowed = allowedModes(entry, folder, cli.home)
      if (!allowed.includes(mode)) wrong.push(`${mode} ${path.slice(cli.home.root.length + 1)}`)
      if (stat.isDirectory()) look(path)
    }
  }
  look(cli.home.root)
  printFigure(`${count} files and folders of the home looked at`)
  expect(wrong).toEqual([])
  expect((statSync(cli.home.root).mode & 0o777).toString(8)).toBe('700')
})

test.runIf(process.getuid?.() === 0)(
  'uid and gid: the instance and what it starts run as that user, and it cannot read the home',
  async () => {
    await using cli = newCli()
    const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'runas-'))
    try {
      const script = join(folder, 'family.cjs')
      writeFileSync(
        script,
        `const { spawn } = require('node:child_process')
spawn('sleep', ['600'], { stdio: 'inherit' })
try { require('node:fs').readdirSync(process.env.LBM_HOME); console.log('home: open') }
catch (error) { console.log('home: ' + error.code) }
setInterval(() => {}, 1000)
`,
      )
      const open = spawnSync('chmod', ['755', folder, process.env[RUN_FOLDER] ?? folder])
      expect(open.status).toBe(0)
      await cli.ok('start', script, '--uid', '65534', '--gid', '65534', '--cwd', '/')
      const [one] = await cli.jlist()
      const uidOf = (pid: number): string | undefined =>
        /^Uid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      const tree = processesOf(cli.home.root).filter(
        ({ command, pid }) => pid === one?.pid || command.startsWith('sleep'),
      )
      expect(tree).toHaveLength(2)
      for (const { pid } of tree) expect(uidOf(pid)).toBe(Array(4).fill('65534').join('\t'))
      const out = join(cli.home.logsDir, 'family-out.log')
      await until(() => readFileSync(out, 'utf8').includes('home: ') || undefined)
      expect(readFileSync(out, 'utf8')).toBe('home: EACCES\n')
      for (const file of [out, join(cli.home.pidsDir, `family-${one?.pm_id}.pid`)])
        expect(statSync(file).uid).toBe(0)
      await cli.ok('stop', 'family')
      expect(tree.filter(({ pid }) => pidStart(pid) !== 0)).toEqual([])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
