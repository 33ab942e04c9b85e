import { join } from 'node:path'

import { expect, test } from 'vitest'

import { newCli } from '../../helpers/cli.ts'
import { DIST } from '../../helpers/dist.ts'
import { liveProgram } from '../../helpers/live-program.ts'

const LBM = join(DIST, '../bin/lbm.js')
const TALKING = join(import.meta.dirname, '../../fixtures/pm2-api/talking.cjs')

test('trigger: the reply of each; an action that nobody registered, an app that is not there', async () => {
  await using cli = newCli()
  await cli.ok('start', TALKING, '-n', 'talk')
  const reply = await cli.ok('trigger', 'talk', 'greet')
  expect(reply.stdout).toContain('1 processes have received command greet')
  expect(reply.stdout).toContain('[talk:0:default]={"hello":"world"}')
  expect((await cli.ok('trigger', '0', 'greet')).stdout).toContain('"hello"')
  const unknown = await cli.lbm('trigger', 'talk', 'gret')
  expect(unknown.exitCode).toBe(1)
  expect(unknown.stderr).toContain('has not registered an action "gret"')
  expect(unknown.stderr).toContain('Did you mean "greet"?')
  expect((await cli.lbm('trigger', 'nosuch', 'greet')).exitCode).toBe(1)
  expect((await cli.ok('describe', 'talk')).stdout).toMatch(/greet/)
})

test('after a reload the actions are those of the new process', async () => {
  await using cli = newCli()
  await cli.ok('start', TALKING, '-n', 'talk', '-i', '1')
  await cli.ok('reload', 'talk')
  expect((await cli.ok('trigger', 'talk', 'greet')).stdout).toContain('"hello"')
})

test('attach: its output here, what is typed to it, until the input ends', async () => {
  await using cli = newCli()
  await cli.ok('start', TALKING, '-n', 'talk')
  await using program = liveProgram(process.execPath, [LBM, 'attach', 'talk', '--raw'], {
    env: { LBM_HOME: cli.home.root },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  program.child.stdin?.write('hello\n')
  await program.saw(/^line hello$/m)
  await cli.ok('send', '0', 'from elsewhere')
  await program.saw(/^line from elsewhere$/m)
  program.child.stdin?.end('last\n')
  expect((await program.ended).code).toBe(0)
  expect(program.stdout()).toMatch(/^line last$/m)
})

test('restart --attach: then what the app prints; an end of that is none of the app', async () => {
  await using cli = newCli()
  await cli.ok('start', TALKING, '-n', 'talk')
  const [{ pid } = { pid: 0 }] = await cli.jlist()
  await using program = liveProgram(process.execPath, [LBM, 'restart', 'talk', '--attach'], {
    env: { LBM_HOME: cli.home.root },
  })
  // When it listens cannot be seen: said again until it is heard.
  const saying = setInterval(() => void cli.lbm('send', '0', 'hello'), 500)
  await program.saw(/^0\|talk \| line hello$/m).finally(() => clearInterval(saying))
  program.child.kill('SIGINT')
  await program.ended
  const [after] = await cli.jlist()
  expect(after?.pm2_env.status).toBe('online')
  expect(after?.pid).not.toBe(pid)
})

test('report: versions, the list and the log; with and without a daemon', async () => {
  await using cli = newCli()
  expect((await cli.ok('report')).stdout).toMatch(/running +false/)
  await cli.ok('start', TALKING, '-n', 'talk', { env: { MY_SECRET_TOKEN: 'hidden-word' } })
  const { stdout } = await cli.ok('report')
  expect(stdout).toMatch(/running +true/)
  expect(stdout).toMatch(/talk/)
  expect(stdout).toContain(cli.home.daemonLog)
  expect(stdout).not.toContain('hidden-word')
  const json = JSON.parse((await cli.ok('report', '--json')).stdout) as { instances: object[] }
  expect(json.instances).toHaveLength(1)
})

test('cleardump: the saved list is empty, resurrect brings nothing back', async () => {
  await using cli = newCli()
  await cli.ok('start', TALKING, '-n', 'talk')
  await cli.ok('save')
  await cli.ok('cleardump')
  await cli.ok('delete', 'talk')
  await cli.ok('resurrect')
  expect(await cli.jlist()).toEqual([])
})
