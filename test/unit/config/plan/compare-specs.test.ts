import fc from 'fast-check'
import { expect, test } from 'vitest'

import { compareSpecs } from '../../../../src/config/plan/compare-specs.ts'
import { keepShell, shellDifferences } from '../../../../src/config/plan/keep-shell.ts'
import type { AppSpec } from '../../../../src/contract/app.ts'
import { sampleSpec } from '../../../helpers/sample-spec.ts'
import { spec } from './arbitrary-spec.ts'

const keysOf = (before: AppSpec, after: AppSpec): string[] =>
  compareSpecs(before, after).map(({ key }) => key)

/** What the daemon stores and reads again. */
const stored = (given: AppSpec): AppSpec => JSON.parse(JSON.stringify(given)) as AppSpec

test('a definition is as it is, stored or not', () => {
  fc.assert(
    fc.property(spec, (one) => {
      expect(compareSpecs(stored(one), one)).toEqual([])
    }),
  )
})

test('the way back changes the same keys, values swapped', () => {
  fc.assert(
    fc.property(spec, spec, (a, b) => {
      const swapped = compareSpecs(b, a).map(({ key, effect, from, to }) => ({
        key,
        effect,
        from: to,
        to: from,
      }))
      const byKey = (x: { key: string }, y: { key: string }): number => (x.key < y.key ? -1 : 1)
      expect(compareSpecs(a, b).toSorted(byKey)).toEqual(swapped.toSorted(byKey))
    }),
  )
})

test('whose shell it is changes nothing, and once taken nothing is left to do', () => {
  fc.assert(
    fc.property(spec, spec, spec, (running, wanted, other) => {
      const first = keepShell(running, wanted)
      const elsewhere = { ...wanted, ...withShellOf(wanted, other) }
      expect(compareSpecs(first, keepShell(first, wanted))).toEqual([])
      expect(compareSpecs(first, keepShell(first, elsewhere))).toEqual([])
    }),
  )
})

/** The same file, read in another shell. */
function withShellOf(file: AppSpec, shell: AppSpec): Pick<AppSpec, 'env' | 'envSources'> {
  const declared = Object.entries(file.env).filter(([name]) => file.envSources[name] !== 'shell')
  const rest = Object.entries(shell.env).filter(([name]) => !declared.some(([one]) => one === name))
  return {
    env: Object.fromEntries([...rest, ...declared]),
    envSources: {
      ...Object.fromEntries(rest.map(([name]) => [name, 'shell'])),
      ...Object.fromEntries(declared.map(([name]) => [name, file.envSources[name] ?? 'env'])),
    },
  }
}

test.each<[string, Partial<AppSpec>, Partial<AppSpec>, string[]]>([
  ['who typed it', { username: 'a' }, { username: 'b' }, []],
  ['the place in the file', src('/e.js', 0), src('/e.js', 4), []],
  ['another file', src('/e.js', 0), src('/f.js', 0), ['file']],
  ['a version', { version: '1' }, { version: '2' }, ['version']],
  [
    'a release behind a link',
    { realCwd: '/r/1', realScript: '/r/1/a.js' },
    { realCwd: '/r/2', realScript: '/r/2/a.js' },
    ['release'],
  ],
  ['no link any more', { realCwd: '/r/1' }, {}, ['release']],
  [
    'a command line',
    { script: '/bin/sh', command: 'x y', args: ['-c', 'x y'] },
    { script: '/bin/sh', command: 'x z', args: ['-c', 'x z'] },
    ['script', 'args'],
  ],
  [
    'watch',
    {},
    { watch: { paths: ['/'], ignore: [], delayMs: 1, extensions: [], usePolling: false } },
    ['watch'],
  ],
  ['a log file', {}, { logs: { ...sampleSpec().logs, outFile: '/tmp/o.log' } }, ['out_file']],
  ['a hook', {}, { hooks: { onCrash: { command: ['x'], timeoutMs: 1 } } }, ['on_crash']],
  ['the count of instances', { instances: 1 }, { instances: 2 }, []],
])('%s', (_what, before, after, keys) => {
  expect(keysOf(sampleSpec(before), sampleSpec(after))).toEqual(keys)
})

function src(file: string, index: number): Partial<AppSpec> {
  return { source: { file, index } }
}

test('values are shown as a file says them, each with where it comes from', () => {
  const before = sampleSpec({ killTimeoutMs: 10_000, env: { A: '1' }, envSources: { A: 'env' } })
  const after = sampleSpec({
    killTimeoutMs: 20_000,
    maxMemoryBytes: 150 * 1024 ** 2,
    env: { A: '2' },
    envSources: { A: 'env_production' },
    raw: { kill_timeout: 20_000, max_memory_restart: '150M' },
    ...src('/e.js', 0),
  })
  expect(compareSpecs(before, after)).toEqual([
    {
      key: 'kill_timeout',
      effect: 'in-place',
      from: { value: '10s', source: 'default' },
      to: { value: 20_000, source: 'file' },
    },
    {
      key: 'max_memory_restart',
      effect: 'process',
      from: { value: undefined, source: 'default' },
      to: { value: '150M', source: 'file' },
    },
    {
      key: 'file',
      effect: 'in-place',
      from: { value: undefined, source: 'command line' },
      to: { value: '/e.js', source: 'file' },
    },
    {
      key: 'env.A',
      effect: 'process',
      from: { value: '1', source: 'env' },
      to: { value: '2', source: 'env_production' },
    },
  ])
})

test('balance holds at once, but for the PROXY protocol', () => {
  const { balance } = sampleSpec()
  const effectOf = (change: Partial<AppSpec['balance']>): string[] =>
    compareSpecs(sampleSpec(), sampleSpec({ balance: { ...balance, ...change } })).map(
      ({ effect }) => effect,
    )
  expect(effectOf({ policy: 'ip-hash' })).toEqual(['in-place'])
  expect(effectOf({ proxyProtocol: true })).toEqual(['process'])
})

test('a variable that the file gives up is the shell’s, or gone', () => {
  const before = sampleSpec({
    env: { A: '1', B: '2', HOME: '/root' },
    envSources: { A: 'env', B: 'env', HOME: 'shell' },
  })
  const after = sampleSpec({
    env: { A: 'of the shell', HOME: '/elsewhere', NEW: '1' },
    envSources: { A: 'shell', HOME: 'shell', NEW: 'shell' },
  })
  expect(keepShell(before, after).env).toEqual({ A: 'of the shell', HOME: '/root' })
  expect(shellDifferences(before, after)).toEqual(['HOME', 'NEW'])
})

test('filter_env takes away what the app had of the shell', () => {
  const before = sampleSpec({ env: { TOKEN: 'x' }, envSources: { TOKEN: 'shell' } })
  const after = sampleSpec({ raw: { filter_env: ['TOK'] } })
  expect(keysOf(before, keepShell(before, after))).toEqual(['env.TOKEN'])
})
