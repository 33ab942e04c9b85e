import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { signalPid } from '../../../daemon/kernel/process-tree.ts'
import { newCli } from '../../helpers/cli.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { liveProgram } from '../../helpers/live-program.ts'
import { processesOf } from '../../helpers/processes.ts'
import { until } from '../../helpers/until.ts'

const DAEMON = join(DIST, 'daemon.cjs')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-boot-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0

test.each([
  ['a system unit', 'lbm-root.service', []],
  ['one that waits for the network', 'lbm-net.service', ['--wait-ip']],
  ['one of a user', 'lbm.service', ['--user-unit']],
])('systemd-analyze finds nothing wrong with %s', async (_, name, options) => {
  await using cli = newCli()
  const { stdout } = await cli.ok('startup', 'systemd', '--print', ...options)
  expect(stdout).toContain(`Environment="LBM_HOME=${cli.home.root}"`)
  const file = join(folder, name)
  writeFileSync(file, stdout)
  if (!has('systemd-analyze')) return
  const scope = options.includes('--user-unit') ? ['--user'] : []
  // It looks at the file alone; it needs a folder for its own socket.
  const verified = spawnSync('systemd-analyze', [...scope, 'verify', file], {
    encoding: 'utf8',
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
  })
  expect(verified.stderr).toBe('')
  expect(verified.status).toBe(0)
})

test('into the files of an image: written, enabled by the real systemctl, and gone again', async ({
  skip,
}) => {
  if (!has('systemctl')) skip('there is no systemctl here')
  await using cli = newCli()
  const root = mkdtempSync(join(folder, 'image-'))
  const unit = join(root, 'etc/systemd/system/lbm-app.service')
  const enabled = join(root, 'etc/systemd/system/multi-user.target.wants/lbm-app.service')
  const options = ['--root', root, '-u', 'app', '--hp', '/srv/app']
  await cli.ok('startup', 'systemd', ...options)
  expect(readFileSync(unit, 'utf8')).toMatch(/^User=app\nWorkingDirectory=\/srv\/app$/m)
  expect(spawnSync('test', ['-L', enabled]).status).toBe(0)
  await cli.ok('unstartup', 'systemd', ...options)
  expect(existsSync(unit)).toBe(false)
  expect(spawnSync('test', ['-L', enabled]).status).toBe(1)
  expect((await cli.lbm('unstartup', 'systemd', ...options)).exitCode).toBe(1)
})

test('OpenRC: a script that a shell can read', async () => {
  await using cli = newCli()
  const { stdout } = await cli.ok('startup', 'openrc', '--print')
  const file = join(folder, 'openrc')
  writeFileSync(file, stdout)
  expect(spawnSync('sh', ['-n', file]).status).toBe(0)
  expect(stdout).toContain('supervisor=supervise-daemon')
})

test('launchd: a property list that a parser of them reads', async ({ skip }) => {
  if (!has('python3')) skip('there is no python3 to parse it')
  await using cli = newCli()
  const { stdout } = await cli.ok('startup', 'launchd', '--print')
  const parse =
    'import json, plistlib, sys; print(json.dumps(plistlib.loads(sys.stdin.buffer.read())))'
  const parsed = spawnSync('python3', ['-c', parse], { input: stdout, encoding: 'utf8' })
  expect(parsed.stderr).toBe('')
  expect(JSON.parse(parsed.stdout)).toMatchObject({
    ProgramArguments: [process.execPath, DAEMON],
    EnvironmentVariables: { LBM_HOME: cli.home.root },
    RunAtLoad: true,
    KeepAlive: { SuccessfulExit: false },
    AbandonProcessGroup: true,
  })
})

test.each([
  ['openrc', 'etc/init.d/lbm-app', 0o755],
  ['launchd', 'srv/app/Library/LaunchAgents/lbm.app.plist', 0o644],
])('%s, into the files of an image: written, and gone again', async (platform, name, mode) => {
  await using cli = newCli()
  const root = mkdtempSync(join(folder, 'image-'))
  const options = ['--root', root, '-u', 'app', '--hp', '/srv/app']
  await cli.ok('startup', platform, ...options)
  expect(statSync(join(root, name)).mode & 0o777).toBe(mode)
  expect(readFileSync(join(root, name), 'utf8')).toContain('/srv/app/.lbm')
  await cli.ok('unstartup', platform, ...options)
  expect(existsSync(join(root, name))).toBe(false)
})

test('after a boot, what the unit says is run: the apps come back in their order, with their ids, and what was stopped is stopped', async () => {
  await using cli = newCli()
  const script = join(FIXTURES, 'worker.cjs')
  const apps = ['gone', 'first', 'second', 'third'].map((name) => ({ name, script }))
  const file = join(cli.home.root, 'ecosystem.json')
  writeFileSync(file, JSON.stringify({ apps }))
  await cli.ok('start', file)
  await cli.ok('delete', 'gone')
  await cli.ok('stop', 'second')
  const facts = async (): Promise<unknown[]> =>
    (await cli.jlist()).map(({ pm_id, name, pm2_env }) => [pm_id, name, pm2_env.status])
  const before = await facts()
  expect(before).toEqual([
    [1, 'first', 'online'],
    [2, 'second', 'stopped'],
    [3, 'third', 'online'],
  ])
  const { stdout: unit } = await cli.ok('startup', 'systemd', '--print')
  await until(() => {
    const left = processesOf(cli.home.root)
    for (const { pid } of left) signalPid(pid, 'SIGKILL')
    return left.length === 0 || undefined
  })
  const quoted = (line: string): string[] => [...line.matchAll(/"([^"]*)"/g)].map(([, one]) => one!)
  const [program = '', ...args] = quoted(/^ExecStart=(.*)$/m.exec(unit)?.[1] ?? '')
  const env = Object.fromEntries(
    [...unit.matchAll(/^Environment=(.*)$/gm)].map(([, line]) => {
      const [text = ''] = quoted(line ?? '')
      return [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]
    }),
  )
  await using daemon = liveProgram(program, args, { env })
  await until(async () => isDeepStrictEqual(await facts(), before) || undefined)
  const { pid } = JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }
  expect(pid).toBe(daemon.pid)
})

test.each([
  [['startup', 'sistemd'], 2, /Did you mean "systemd"/],
  [['startup', 'systemd', '-u', 'a;b'], 2, /is no name of a user/],
  [['startup', 'systemd', '--service-name', '../x'], 2, /is no name for a service/],
])('%j', async (words, exitCode, message) => {
  await using cli = newCli()
  const done = await cli.lbm(...words)
  expect(done.exitCode).toBe(exitCode)
  expect(done.stderr).toMatch(message)
})
