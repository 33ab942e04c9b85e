import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { ExitReason } from '../../src/contract/instance.ts'
import { newCli, startProgram } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { until } from '../helpers/until.ts'

const SCRIPT = join(FIXTURES, 'dies-of.cjs')
const NODE_ARGS = '--max-old-space-size=32'

test.each([
  ['kill', { kind: 'signal', signal: 'SIGKILL', code: null }, /killed by SIGKILL/],
  ['heap', { kind: 'heap-oom', signal: 'SIGABRT', code: null }, /out of heap memory/],
  ['exit', { kind: 'exit', signal: null, code: 3 }, /exit code 3/],
  ['exception', { kind: 'exception', signal: null, code: 1 }, /lost its way .*dies-of\.cjs:\d+/],
  ['rejection', { kind: 'rejection', signal: null, code: 1 }, /never came/],
] as const)(
  '%s → the very reason, and the exit that plain node has',
  { timeout: 60_000 },
  async (death, reason, sentence) => {
    await using cli = newCli()
    const env = { DEATH: death }
    const plain = await startProgram(process.execPath, [NODE_ARGS, SCRIPT], {
      env: { ...process.env, ...env },
    }).done
    await cli.ok(
      'start',
      SCRIPT,
      '-n',
      'mortal',
      '-i',
      '1',
      '--no-autorestart',
      `--node-args=${NODE_ARGS}`,
      { env },
    )
    await until(async () => (await cli.jlist())[0]?.pm2_env.status === 'stopped' || undefined)
    const [ends] = JSON.parse((await cli.ok('why', 'mortal', '--json')).stdout) as {
      deaths: ExitReason[]
    }[]
    expect(ends?.deaths[0]).toMatchObject({ ...reason, wasReady: true })
    expect(ends?.deaths[0]?.requestedBy).toBeUndefined()
    expect(ends?.deaths[0]?.lastLines.join('\n')).toContain(
      death === 'heap' ? 'heap out of memory' : 'about to go',
    )
    expect([ends?.deaths[0]?.code, ends?.deaths[0]?.signal]).toEqual([plain.exitCode, plain.signal])
    const told = await cli.ok('why', 'mortal')
    expect(told.stdout).toMatch(sentence)
    expect(told.stdout).toContain('asked for by: nobody')
  },
)

test('a death that was asked for says who asked', async () => {
  await using cli = newCli()
  await cli.ok('start', join(FIXTURES, 'worker.cjs'))
  await cli.ok('stop', 'worker')
  expect((await cli.ok('why', 'worker')).stdout).toContain('asked for by: a command')
  expect((await cli.lbm('why', 'nosuch')).exitCode).toBe(1)
  expect((await cli.lbm('why', 'worker', '--last', 'x')).exitCode).toBe(2)
})
