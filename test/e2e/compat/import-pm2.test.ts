import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newCli, startProgram } from '../../helpers/cli.ts'
import { FIXTURES } from '../../helpers/dist.ts'
import { realPm2 } from '../../helpers/real-pm2.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-import-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const worker = join(FIXTURES, 'worker.cjs')
const saved = [
  {
    name: 'w',
    namespace: 'default',
    pm_exec_path: worker,
    pm_cwd: FIXTURES,
    exec_interpreter: 'node',
    exec_mode: 'fork_mode',
    status: 'online',
    env: { MARK: '1', SECRET_TOKEN: 's', PM2_HOME: '/x' },
  },
]

test('a saved list: an ecosystem file for its owner alone, which plan and start take', async () => {
  await using cli = newCli()
  const dump = join(folder, 'dump.pm2')
  writeFileSync(dump, JSON.stringify(saved))
  const done = await cli.ok('import', 'pm2', dump, { cwd: folder })
  expect(done.stdout).toContain('1 apps found in')
  expect(done.stderr).toContain('it holds values of SECRET_TOKEN')
  const file = join(folder, 'ecosystem.config.js')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  const again = await cli.lbm('import', 'pm2', dump, { cwd: folder })
  expect(again).toMatchObject({ exitCode: 1 })
  expect(again.stderr).toContain('is there already')
  await cli.ok('start', file)
  expect((await cli.jlist())[0]).toMatchObject({ name: 'w', pm2_env: { env: { MARK: '1' } } })
})

test('PM2_HOME without a PM2 in it; --start; stdin and stdout', async () => {
  await using cli = newCli()
  const PM2_HOME = join(folder, 'home')
  const none = await cli.lbm('import', 'pm2', { env: { PM2_HOME } })
  expect(none.exitCode).toBe(1)
  expect(none.stderr).toContain(`No PM2 runs in ${PM2_HOME}, and it has no saved list.`)
  const text = JSON.stringify(saved)
  const printed = await cli.ok('import', 'pm2', '-', '-o', '-', { stdin: text })
  expect(printed.stdout).toMatch(/^module\.exports = \{\n {2}apps: \[/)
  await cli.ok('import', 'pm2', '-', '--start', { stdin: text, cwd: folder })
  expect((await cli.jlist()).map(({ name }) => name)).toEqual(['w'])
  const garbage = await cli.lbm('import', 'pm2', '-', { stdin: '{}' })
  expect(garbage.exitCode).toBe(2)
})

test('a running PM2, and what it saved', async ({ skip }) => {
  const pm2 = await realPm2()
  if (typeof pm2 === 'string') return skip(pm2)
  await using cli = newCli()
  const PM2_HOME = mkdtempSync(join(tmpdir(), 'lbm-pm2-'))
  const PATH = `${dirname(pm2.bin)}:${process.env['PATH']}`
  const env = { ...process.env, PM2_HOME, PATH, LBM_TEST_MARK: undefined }
  const asPm2 = (...words: string[]): Promise<unknown> =>
    startProgram(pm2.bin, words, { env, cwd: folder }).done
  const config = join(folder, 'pm2.config.js')
  writeFileSync(
    config,
    `module.exports = { apps: [
      { name: 'web', script: ${JSON.stringify(worker)}, instances: 2, exec_mode: 'cluster', env: { MARK: 'declared' }, max_memory_restart: '150M' },
      { name: 'cmd', script: 'sleep 1000', autorestart: false, namespace: 'jobs' },
      { name: 'off', script: ${JSON.stringify(worker)}, autostart: false },
    ] }`,
  )
  try {
    await asPm2('start', config)
    await asPm2('save')
    for (const how of ['--running', '--saved']) {
      const output = join(folder, `apps${how}.json`)
      await cli.ok('import', 'pm2', how, '-o', output, { env: { PM2_HOME, PATH } })
      const { apps } = JSON.parse(readFileSync(output, 'utf8')) as { apps: object[] }
      expect(apps).toHaveLength(3)
      expect(apps).toEqual(
        expect.arrayContaining([
          {
            name: 'web',
            script: worker,
            cwd: folder,
            exec_mode: 'cluster',
            instances: 2,
            max_memory_restart: 157_286_400,
            env: { MARK: 'declared' },
          },
          { name: 'cmd', script: 'sleep 1000', cwd: folder, autorestart: false, namespace: 'jobs' },
          { name: 'off', script: worker, cwd: folder, autostart: false },
        ]),
      )
    }
  } finally {
    await asPm2('kill')
    rmSync(PM2_HOME, { recursive: true, force: true })
  }
  return undefined
}, 240_000)
