import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { newCli, startProgram } from '../../helpers/cli.ts'
import { DIST } from '../../helpers/dist.ts'
import { newConsumer } from '../../helpers/packed-package.ts'
import { realPm2 } from '../../helpers/real-pm2.ts'

const PROGRAM = join(import.meta.dirname, '../../fixtures/pm2-api/program.cjs')
const HOLDS = { exitCode: 0, stderr: expect.stringMatching(/all assertions hold\n$/) as string }

test("a program written for PM2's API: its assertions hold on lbm/pm2", async () => {
  await using cli = newCli()
  using consumer = newConsumer()
  const env = {
    ...process.env,
    LBM_HOME: cli.home.root,
    PM2_MODULE: join(consumer.folder, 'node_modules/lbm/dist/pm2.cjs'),
  }
  expect(await startProgram(process.execPath, [PROGRAM], { env }).done).toMatchObject(HOLDS)
}, 90_000)

// PM2's bus may miss events while its socket connects, which a busy machine makes likely; then nothing is proved yet.
test('and on PM2 itself', { retry: 2, timeout: 240_000 }, async ({ skip }) => {
  const pm2 = await realPm2()
  if (typeof pm2 === 'string') return skip(pm2)
  const home = mkdtempSync(join(tmpdir(), 'lbm-pm2-'))
  const env = { ...process.env, PM2_HOME: home, PM2_MODULE: pm2.module }
  try {
    expect(await startProgram(process.execPath, [PROGRAM], { env }).done).toMatchObject(HOLDS)
  } finally {
    await startProgram(pm2.bin, ['kill'], { env }).done
    rmSync(home, { recursive: true, force: true })
  }
  return undefined
})

test('require and import give the same thing, promises stand in for callbacks, and a thrown callback is an exception', async () => {
  await using cli = newCli()
  using consumer = newConsumer()
  const file = consumer.file(
    'program.mjs',
    `import { createRequire } from 'node:module'
import pm2 from 'lbm/pm2'
console.log(pm2 === createRequire(import.meta.url)('lbm/pm2'), (await pm2.list()).length)
console.log((await pm2.restart('nosuch').catch((error) => error)).message)
process.on('uncaughtException', (error) => { console.log('uncaught', error.message); pm2.disconnect() })
pm2.connect(() => { throw new Error('thrown in a callback') })
`,
  )
  const env = { ...process.env, LBM_HOME: cli.home.root }
  const { stdout, exitCode } = await startProgram(process.execPath, [file], { env }).done
  expect(stdout.split('\n')).toEqual([
    'true 0',
    'process or namespace not found',
    'uncaught thrown in a callback',
    '',
  ])
  expect(exitCode).toBe(0)
})

test('its types hold', async () => {
  using consumer = newConsumer()
  const file = consumer.file(
    'program.ts',
    `import pm2 from 'lbm/pm2'
pm2.connect((error) => {
  pm2.start({ script: 'app.js', instances: 2 }, (failure, started) => { const id: number | undefined = started[0]?.pm_id; void id })
  pm2.list((_, list) => { const memory: number | undefined = list[0]?.monit.memory; void memory; void error })
})
const descriptors: pm2.ProcessDescriptor[] = await pm2.stop('api')
const other: pm2.Pm2 = new pm2.custom({ pm2_home: '/tmp/x' })
export { descriptors, other }`,
  )
  const tsc = join(DIST, '../node_modules/typescript/bin/tsc')
  const options = ['--noEmit', '--strict', '--module', 'preserve', '--skipLibCheck', 'false']
  const libraries = ['--target', 'es2023', '--lib', 'es2023,esnext.disposable']
  const types = ['--types', 'node', '--typeRoots', join(DIST, '../node_modules/@types')]
  const { all } = await startProgram(
    process.execPath,
    [tsc, ...options, ...libraries, ...types, file],
    { cwd: consumer.folder },
  ).done
  expect(all).toBe('')
})
