import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newCli, startProgram } from '../../helpers/cli.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { liveProgram } from '../../helpers/live-program.ts'
import { RUN_FOLDER } from '../../helpers/temp-home.ts'

const LBM = join(DIST, '../bin/lbm.js')

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'run-'))
  writeFileSync(
    join(folder, 'job.cjs'),
    `process.stdin.on('data', (text) => console.log('read', String(text).trim()))
process.stdin.on('end', () => { console.log('args', process.argv.slice(2).join(' '), process.env.MARK, ...(process.env.API_TOKEN ? [process.env.API_TOKEN] : [])); process.exit(Number(process.argv[2])) })`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('a job reads stdin, gets its arguments, and its exit code is the command’s; no daemon is started', async () => {
  await using cli = newCli()
  const done = await cli.lbm('run', 'job.cjs', '--', '42', 'x y', { cwd: folder, stdin: 'hello' })
  expect(done).toMatchObject({
    exitCode: 42,
    stdout: 'read hello\nargs 42 x y undefined\n',
    stderr: '',
  })
  expect((await cli.lbm('ping')).exitCode).toBe(1)
})

test('an app of a file, by name; more than one is wrong usage', async () => {
  await using cli = newCli()
  const app = (name: string): object => ({
    name,
    script: 'job.cjs',
    args: '5',
    env: { MARK: name },
  })
  writeFileSync(join(folder, 'eco.json'), JSON.stringify({ apps: [app('a'), app('b')] }))
  const one = await cli.lbm('run', 'eco.json', '--only', 'b', { cwd: folder, stdin: '' })
  expect(one).toMatchObject({ exitCode: 5, stdout: 'args 5 b\n' })
  const both = await cli.lbm('run', 'eco.json', { cwd: folder })
  expect(both.exitCode).toBe(2)
  expect(both.stderr).toContain('--only a or --only b')
})

test('--as an app: its environment, secrets included, and its folder', async () => {
  await using cli = newCli()
  await cli.ok('start', join(FIXTURES, 'worker.cjs'), '-n', 'api', {
    cwd: folder,
    env: { MARK: 'of the app', API_TOKEN: 'token' },
  })
  const done = await cli.lbm('run', 'job.cjs', '--as', 'api', '--', '0', { cwd: '/', stdin: '' })
  expect(done).toMatchObject({ exitCode: 0, stdout: 'args 0 of the app token\n' })
})

test('out of time: ended, exit 3', async () => {
  const args = [LBM, 'run', 'sleep 30', '--timeout', '500ms']
  const done = await startProgram(process.execPath, args, { cwd: folder }).done
  expect(done.exitCode).toBe(3)
  expect(done.stderr).toContain('was not done within 500 ms')
})

test('signals are passed on; a death by one is told as shells do', async () => {
  await using program = liveProgram(process.execPath, [LBM, 'run', join(FIXTURES, 'worker.cjs')])
  await program.saw(/./)
  program.child.kill('SIGTERM')
  expect((await program.ended).code).toBe(143)
})

test('a missing script', async () => {
  const done = await startProgram(process.execPath, [LBM, 'run', 'none.cjs'], { cwd: folder }).done
  expect(done.exitCode).toBe(1)
  expect(done.stderr).toMatch(/^lbm: There is no script /)
})
