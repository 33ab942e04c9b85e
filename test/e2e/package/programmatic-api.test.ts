import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { newCli, startProgram } from '../../helpers/cli.ts'
import { DIST, FIXTURES } from '../../helpers/dist.ts'
import { type Consumer, newConsumer } from '../../helpers/packed-package.ts'

const TSC = join(DIST, '../node_modules/typescript/bin/tsc')
const TYPES = join(DIST, '../node_modules/@types')

let consumer: Consumer
beforeAll(() => {
  consumer = newConsumer()
})
afterAll(() => consumer[Symbol.dispose]())

/** The same program, whatever the import is called. */
const program = (imports: string): string => `${imports}
const main = async () => {
  const outcome = await lbm.start({ script: ${JSON.stringify(join(FIXTURES, 'worker.cjs'))}, name: 'w' })
  const [view] = await lbm.list()
  const client = await connect()
  const events = []
  const reading = (async () => {
    for await (const event of client.events('w')) {
      events.push(event.type)
      if (event.type === 'instance.exited') break
    }
  })()
  await client.ping()
  await client.stop('w')
  await reading
  const failure = await lbm.describe('nosuch').catch((error) => error)
  client[Symbol.dispose ?? Symbol.for('nodejs.dispose')]()
  await client.closed
  console.log(JSON.stringify({
    result: outcome.outcomes[0].result,
    status: view.phase,
    exited: events.includes('instance.exited'),
    code: failure.code,
    isError: isLbmError(failure),
  }))
}
main()
`

const EXPECTED = {
  result: 'ready',
  status: 'ready',
  exited: true,
  code: 'APP_NOT_FOUND',
  isError: true,
}

test.each([
  ['cjs', "const { default: lbm, connect, isLbmError } = require('lbm')"],
  ['mjs', "import lbm, { connect, isLbmError } from 'lbm'"],
])('the packed package serves a program in .%s', async (extension, imports) => {
  await using cli = newCli()
  const file = consumer.file(`program.${extension}`, program(imports))
  const env = { ...process.env, LBM_HOME: cli.home.root }
  const { exitCode, stdout, stderr } = await startProgram(process.execPath, [file], { env }).done
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual(EXPECTED)
})

test('its types hold for CommonJS, ES modules and bundlers, without a package that it does not bring', async () => {
  const files = [
    consumer.file(
      'a.mts',
      `import lbm, { connect, type LbmEvent } from 'lbm'
const n: number = (await lbm.list({ timeoutMs: 100 })).length
using client = await connect({ home: '/tmp/x', start: false })
for await (const event of client.events()) { const e: LbmEvent = event; if (e.type === 'instance.exited') e.exit.code }
// @ts-expect-error no such key
await lbm.start({ scirpt: 'x' })
export { n }`,
    ),
    consumer.file(
      'b.cts',
      `import lbm = require('lbm')
const p: Promise<unknown> = lbm.default.list()
void lbm.connect({ home: '/x' })
export = p`,
    ),
    consumer.file(
      'c.ts',
      `import lbm, { defineConfig } from 'lbm'
void lbm.start({ script: 'x', instances: 'max' })
export const config = defineConfig({ apps: [{ script: 'a.js' }] })`,
    ),
  ]
  const options = [
    ...['--noEmit', '--strict', '--lib', 'es2023,esnext.disposable', '--skipLibCheck', 'false'],
    ...['--types', 'node', '--typeRoots', TYPES],
  ]
  for (const [module, which] of [
    ['nodenext', files],
    ['preserve', files.slice(2)],
  ] as const) {
    const { exitCode, all } = await startProgram(
      process.execPath,
      [TSC, ...options, '--module', module, ...which],
      { cwd: consumer.folder },
    ).done
    expect(all).toBe('')
    expect(exitCode).toBe(0)
  }
})
