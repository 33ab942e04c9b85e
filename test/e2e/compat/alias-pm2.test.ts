import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { type ListedInstance, newCli, type Run, startProgram } from '../../helpers/cli.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { tempHome } from '../../helpers/temp-home.ts'

/** As PM2 7.0.4 says it of `w`, a program in fork mode that runs. */
const SAID: [words: string, exitCode: number, lines: unknown[]][] = [
  ['start worker.cjs --name w', 1, [expect.stringMatching(/^\[PM2\]\[ERROR\] Script already/)]],
  ['ping', 0, ["{ msg: 'pong' }"]],
  [
    'restart w',
    0,
    [
      'Use --update-env to update environment variables',
      '[PM2] Applying action restartProcessId on app [w](ids: [ 0 ])',
      '[PM2] [w](0) ✓',
    ],
  ],
  [
    'reload all',
    0,
    ['[PM2] Applying action reloadProcessId on app [all](ids: [ 0 ])', '[PM2] [w](0) ✓'],
  ],
  [
    'start w',
    0,
    [
      '[PM2] Applying action restartProcessId on app [w](ids: [ 0 ])',
      '[PM2] Process successfully started',
    ],
  ],
  ['scale w 2', 0, ['[PM2] Scaling up application']],
  ['scale w 2', 1, ['[PM2][ERROR] Nothing to do']],
  [
    'stop w',
    0,
    [
      '[PM2] Applying action stopProcessId on app [w](ids: [ 0, 1 ])',
      '[PM2] [w](0) ✓',
      '[PM2] [w](1) ✓',
    ],
  ],
  ['restart nosuch', 1, ['[PM2][ERROR] Process or Namespace nosuch not found']],
  ['stop /nosuch/', 1, ['[PM2][ERROR] No process found']],
  [
    'start nosuch.js',
    1,
    [expect.stringMatching(/^\[PM2\]\[ERROR\] Script not found: \/.*nosuch\.js$/)],
  ],
  [
    'start nosuch.json',
    1,
    [expect.stringMatching(/^\[PM2\]\[ERROR\] File .*nosuch\.json not found$/)],
  ],
  ['set mod:key v', 0, ['[PM2] Setting changed', '$ pm2 set mod:key v']],
  ['reloadLogs', 0, [expect.stringContaining('All logs reloaded')]],
  ['login', 1, [expect.stringContaining('lbm does not have')]],
  ['save', 0, ['[PM2] Saving current process list...']],
]

test('pm2 on request: prefix, exit codes and jlist are PM2’s; PM2_HOME is the home; and it goes again', async () => {
  await using cli = newCli()
  using home = tempHome()
  const bin = mkdtempSync(join(tmpdir(), 'lbm-bin-'))
  // The home of the alias lies where the test looks for what is left.
  const env = { ...process.env, LBM_HOME: undefined, PM2_HOME: home.paths.root, NO_COLOR: '1' }
  const pm2 = (...words: string[]): Promise<Run> =>
    startProgram(join(bin, 'pm2'), words, { env, cwd: FIXTURES }).done
  try {
    expect((await cli.ok('alias-pm2', bin)).stderr).toContain(`${bin} is not in PATH`)

    const first = await pm2('jlist')
    expect(first).toMatchObject({ exitCode: 0, stdout: '[]' })
    const started = await pm2('start', 'worker.cjs', '--name', 'w')
    expect(started.exitCode).toBe(0)
    expect(started.stdout).toMatch(/^\[PM2\] Starting .*worker\.cjs in fork_mode \(1 instance\)$/m)
    expect(started.stdout).toMatch(/^\[PM2\] Done\.$/m)
    expect(existsSync(join(home.paths.root, 'logs/w-out.log'))).toBe(true)
    const [app] = JSON.parse((await pm2('jlist')).stdout) as ListedInstance[]
    expect(Object.keys(app ?? {})).toEqual(['pid', 'name', 'pm2_env', 'pm_id', 'monit'])
    expect(app?.pm2_env).not.toHaveProperty('lbm')
    expect(app?.pm2_env['PM2_HOME']).toBe(home.paths.root)
    expect(app?.pm2_env).not.toHaveProperty('LBM_AS_PM2')

    const silenced = startProgram(join(bin, 'pm2'), ['list'], { env: { ...env, PM2_SILENT: 'x' } })
    expect((await silenced.done).all).toBe('')
    for (const [words, exitCode, lines] of SAID) {
      const done = await pm2(...words.split(' '))
      for (const line of lines) expect(done.all.split('\n')).toContainEqual(line)
      expect({ words, exitCode: done.exitCode }).toEqual({ words, exitCode })
    }
    expect(await pm2('pid', 'nosuch')).toMatchObject({ exitCode: 0, stdout: '\n' })
    expect((await pm2('pid', 'w')).stdout).toBe('0\n0\n')
    expect((await pm2()).exitCode).toBe(1)
    expect((await pm2('nosuchcommand')).exitCode).toBe(1)
    expect((await pm2('delete', 'all')).exitCode).toBe(0)
    expect((await pm2('save')).stderr).toContain('[PM2][WARN] PM2 is not managing any process')
    expect((await pm2('flush')).exitCode).toBe(0)
    expect((await pm2('kill')).stdout).toContain('[PM2] [v] PM2 Daemon Stopped')
    expect((await pm2('reloadLogs')).exitCode).toBe(0)

    expect((await cli.ok('alias-pm2', bin, '--remove')).stdout).toContain(`${bin}/pm2 removed`)
    expect(existsSync(join(bin, 'pm2'))).toBe(false)
  } finally {
    if (existsSync(join(bin, 'pm2'))) await pm2('kill')
    rmSync(bin, { recursive: true, force: true })
  }
})

test('a pm2 that is not from here is left alone', async () => {
  await using cli = newCli()
  const bin = mkdtempSync(join(tmpdir(), 'lbm-bin-'))
  writeFileSync(join(bin, 'pm2'), '#!/bin/sh\necho real\n', { mode: 0o755 })
  try {
    const refused = await cli.lbm('alias-pm2', bin)
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain('is there already, and not from here')
    await cli.ok('alias-pm2', bin, '--remove')
    expect(existsSync(join(bin, 'pm2'))).toBe(true)
    await cli.ok('alias-pm2', bin, '--force')
  } finally {
    rmSync(bin, { recursive: true, force: true })
  }
})

test('PM2_HOME without LBM_HOME is explained, once, when the daemon starts', async () => {
  await using cli = newCli()
  // HOME stands in for the user's; the home of lbm is below it.
  const root = cli.home.root
  const env = { LBM_HOME: undefined, HOME: root, PM2_HOME: '/somewhere/.pm2' }
  const run = (...words: string[]): Promise<Run> =>
    startProgram(process.execPath, [join(FIXTURES, '../../../bin/lbm.js'), ...words], {
      env: { ...process.env, ...env },
      cwd: FIXTURES,
    }).done
  try {
    expect((await run('start', 'worker.cjs')).stderr).toContain("PM2_HOME is set and is PM2's")
    expect((await run('list')).stderr).toBe('')
  } finally {
    await run('kill')
  }
})
