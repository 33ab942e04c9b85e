import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newCli } from '../../helpers/cli.ts'

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
