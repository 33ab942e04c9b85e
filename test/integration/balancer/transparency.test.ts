/** An app under the agent behaves as under plain node. */

import { spawnSync } from 'node:child_process'

import { describe, expect, test } from 'vitest'

import type { Mode } from '../../../src/contract/app.ts'
import { agentPath, nodes, script, testApp } from './harness.ts'

function plain(
  node: string,
  path: string,
): { code: number | null; signal: string | null; output: string } {
  const { status, signal, stdout, stderr } = spawnSync(node, [path], { encoding: 'utf8' })
  return { code: status, signal, output: stdout + stderr }
}

/** Which of Node's own frames are in a stack depends on timing. */
function withoutInnerFrames(output: string): string {
  return output.replaceAll(/^ +at .*node:internal.*\n/gm, '')
}

const ENDINGS: [string, string, string?][] = [
  ['ends by itself', 'console.log(1)'],
  ['ends by itself after a while', 'setTimeout(() => console.log(2), 50)'],
  [
    'ends by itself, an ES module',
    'await new Promise((r) => setTimeout(r, 20)); console.log(3)',
    '.mjs',
  ],
  ['exit code set', 'process.exitCode = 3'],
  ['process.exit', 'process.exit(4)'],
  ['an exception', 'throw new Error("boom")'],
  ['an exception in an ES module', 'throw new Error("boom")', '.mjs'],
  ['a late exception', 'setTimeout(() => { throw new TypeError("late") }, 10)'],
  ['an unhandled rejection', 'Promise.reject(new Error("nobody"))'],
  ['a syntax error', 'const = 1'],
  [
    'a handled exception',
    'process.on("uncaughtException", () => console.log("caught")); throw new Error("x")',
  ],
  ['top-level await that never ends', 'await new Promise(() => {})', '.mjs'],
  ['a missing module', 'require("./is-not-there.cjs")'],
  ['ends by a signal', 'process.kill(process.pid, "SIGKILL"); setTimeout(() => {}, 1000)'],
]

describe.each(nodes)('Node $version', ({ path: node, version }) => {
  describe.each<Mode>(['fork', 'cluster'])('%s mode', (mode) => {
    test.each(ENDINGS)('%s', async (_, text, extension) => {
      const path = script(text, extension)
      const expected = plain(node, path)
      await using app = testApp({ app: path, mode, node })
      const instance = app.spawn()
      expect(await instance.exited).toEqual({ code: expected.code, signal: expected.signal })
      await instance.closed
      expect(withoutInnerFrames(instance.output())).toBe(withoutInnerFrames(expected.output))
    })
  })

  test('what is printed before process.exit arrives', async () => {
    const path = script('for (let n = 0; n < 20000; n++) console.log("line " + n); process.exit(1)')
    await using app = testApp({ app: path, mode: 'fork', node })
    const instance = app.spawn()
    await instance.closed
    expect(instance.output().split('\n')).toHaveLength(20_001)
  })

  test('what a worker thread prints arrives', async () => {
    const path = script(`
      const { Worker, isMainThread } = require('node:worker_threads')
      if (isMainThread) new Worker(__filename)
      else for (let n = 0; n < 5000; n++) console.log('line ' + n)
    `)
    await using app = testApp({ app: path, mode: 'fork', node })
    const instance = app.spawn()
    await instance.closed
    expect(instance.output().split('\n')).toHaveLength(5001)
  })

  test.each<Mode>(['fork', 'cluster'])(
    '%s: nothing of the agent is left for the app or its children',
    async (mode) => {
      const path = script(`
      const { fork } = require('node:child_process')
      const { Worker, isMainThread } = require('node:worker_threads')
      const cluster = require('node:cluster')
      const seen = { argv: process.argv.length, execArgv: process.execArgv, primary: cluster.isPrimary,
        env: Object.keys(process.env).filter((key) => /LBM|NODE_UNIQUE_ID|NODE_CHANNEL/.test(key)) }
      if (!isMainThread || process.argv[2] === 'child') console.log(JSON.stringify(seen))
      else {
        console.log(JSON.stringify(seen))
        new Worker(__filename).on('exit', () => fork(__filename, ['child']).on('exit', () => process.exit()))
      }
    `)
      await using app = testApp({ app: path, mode, node, execArgv: ['--no-warnings'] })
      const instance = app.spawn()
      await instance.closed
      const [own, thread, child] = instance
        .output()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object)
      const execArgv = ['--no-warnings']
      expect(own).toEqual({ argv: 2, execArgv, env: [], primary: mode === 'fork' })
      expect(thread).toMatchObject({ env: [] })
      expect(child).toEqual({ argv: 3, execArgv, env: [], primary: true })
      expect(agentPath).toMatch(/agent\.cjs$/)
    },
  )

  test.each([
    ['CommonJS', 'setTimeout(() => {}, 60_000)', '.cjs'],
    ['ES module', 'setTimeout(() => {}, 60_000)', '.mjs'],
    ['ES syntax in a .js file', 'import "node:fs"; setTimeout(() => {}, 60_000)', '.js'],
  ])('loaded: %s', async (_, text, extension) => {
    if (extension === '.js' && version.startsWith('v20')) return
    await using app = testApp({ app: script(text, extension), mode: 'fork', node })
    await app.spawn().when('loaded')
  })

  test('loaded: with --import', async () => {
    const preload = script('export {}', '.mjs')
    const path = script('setTimeout(() => {}, 60_000)')
    await using app = testApp({ app: path, mode: 'fork', node, execArgv: ['--import', preload] })
    await app.spawn().when('loaded')
  })

  test('loaded: only after top-level await', async () => {
    const path = script(
      'setInterval(() => {}, 1000); await new Promise((go) => process.once("SIGUSR2", go))',
      '.mjs',
    )
    await using app = testApp({ app: path, mode: 'fork', node })
    const instance = app.spawn()
    await instance.when('report')
    expect(instance.seen.map(({ act }) => act)).not.toContain('loaded')
    instance.child.kill('SIGUSR2')
    await instance.when('loaded')
  })

  test('faults are told', async () => {
    const path = script('setTimeout(function later() { throw new TypeError("broken") }, 10)')
    await using app = testApp({ app: path, mode: 'cluster', node })
    const instance = app.spawn()
    const fault = await instance.when('fault')
    expect(fault).toMatchObject({ kind: 'exception', message: 'TypeError: broken' })
    expect(fault.place).toBe(`${path}:1:37`)
    expect(await instance.exited).toEqual({ code: 1, signal: null })
  })
})
