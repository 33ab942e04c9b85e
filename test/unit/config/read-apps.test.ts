import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, describe, expect, it, test } from 'vitest'

import {
  readApps,
  type ReadContext,
  readNames,
  type ReadResult,
} from '../../../src/config/read-apps.ts'
import { codeOf } from './code-of.ts'

const folder = mkdtempSync(join(tmpdir(), 'lbm-read-'))
afterAll(() => rmSync(folder, { recursive: true }))
for (const name of ['a.js', 'b.js']) writeFileSync(join(folder, name), '')

const read = (value: unknown, more: Partial<ReadContext> = {}): ReadResult =>
  readApps(value, {
    file: 'eco.json',
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    cpus: () => 4,
    ...more,
  })
const problem = (value: unknown, more: Partial<ReadContext> = {}): string =>
  codeOf(() => read(value, more)).message

const TWO = { apps: [{ script: 'a.js' }, { script: 'b.js', instances: 2 }] }

describe('shapes', () => {
  test.each([
    [TWO, ['a', 'b']],
    [TWO.apps, ['a', 'b']],
    [{ apps: { script: 'a.js' } }, ['a']],
    [{ script: 'a.js' }, ['a']],
    [{ exec: 'a.js' }, ['a']],
    [{ pm2: [{ script: 'a.js' }] }, ['a']],
    [{ name: 'package', scripts: {}, pm2: { apps: [{ script: 'b.js' }] } }, ['b']],
  ])('%j', (value, names) => {
    expect(read(value).specs.map(({ name }) => name)).toEqual(names)
  })

  test.each([[{}], [[]], [{ apps: [] }], [null], ['x'], [{ name: 'package', scripts: {} }]])(
    '%j holds no app',
    (value) => {
      expect(codeOf(() => read(value))).toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('holds no app') as string,
      })
    },
  )

  it('an app that is no object', () => {
    expect(problem({ apps: ['a.js'] })).toBe(
      'eco.json: apps[0]: expected an app (an object with "script"), got "a.js"',
    )
  })

  it('each app knows where it was defined', () => {
    expect(read(TWO).specs.map(({ source }) => source)).toEqual([
      { file: join(folder, 'eco.json'), index: 0 },
      { file: join(folder, 'eco.json'), index: 1 },
    ])
  })
})

describe('problems name file, app, key and value, all at once', () => {
  it('over all apps', () => {
    const apps = [
      { name: 'api', script: 'a.js', kill_timeout: '5 sec' },
      { script: 'b.js', instances: 'abc', max_memory_restart: '100Q' },
      { name: 'none' },
    ]
    expect(problem({ apps }).split('\n')).toEqual([
      'eco.json: apps[0] (api).kill_timeout: expected a duration such as 5000 (milliseconds) or "5s", got "5 sec"',
      'eco.json: apps[1].instances: expected a whole number up to 1000, or "max", got "abc"',
      'eco.json: apps[1].max_memory_restart: expected a size such as "150M", "1.5G" or a number of bytes, got "100Q"',
      'eco.json: apps[2] (none).script: is missing: what is to be run?',
    ])
  })

  it('two apps of one name', () => {
    expect(problem([{ script: 'a.js' }, { script: 'b.js', name: 'a' }])).toBe(
      'eco.json: two apps are called "a" (apps[0], apps[1]); give one another name',
    )
  })

  it('a circle of needs', () => {
    const apps = [
      { script: 'a.js', depends_on: ['b'] },
      { script: 'b.js', depends_on: { a: 'started' } },
    ]
    expect(problem(apps)).toBe('eco.json: depends_on goes in a circle: a → b → a')
  })

  it('a script that is not there keeps its own code', () => {
    const error = codeOf(() => read([{ script: 'none.js' }, { name: 'x', script: 'gone.js' }]))
    expect(error.code).toBe('SCRIPT_NOT_FOUND')
    expect(error.message).toContain('eco.json: [0]: There is no script')
    expect(error.message).toContain('eco.json: [1] (x): There is no script')
  })
})

describe('unknown keys', () => {
  const value = [{ script: 'a.js', instance: 2 }]
  it('are warned of', () => {
    expect(read(value).warnings).toEqual([
      'eco.json: [0].instance: there is no such key; did you mean "instances"?',
    ])
  })
  it('are refused with strict', () => {
    expect(problem(value, { strict: true })).toContain('did you mean "instances"?')
  })
})

describe('--only', () => {
  it('leaves the others out, and what they lack', () => {
    expect(
      read([{ script: 'a.js' }, { name: 'x', script: 'none.js' }], { only: ['a'] }).specs.map(
        ({ name }) => name,
      ),
    ).toEqual(['a'])
  })
  it('without a match is wrong usage', () => {
    expect(codeOf(() => read(TWO, { only: ['z'] }))).toMatchObject({
      code: 'USAGE',
      hint: 'it has: a, b',
    })
  })
})

describe('--env', () => {
  const value = [{ script: 'a.js', env: { A: 1, B: 1 }, env_production: { B: 2 } }]
  it('adds what env_<name> holds', () => {
    expect(read(value, { environmentName: 'production' }).specs[0]?.env).toMatchObject({
      A: '1',
      B: '2',
    })
  })
  it('that nobody defines is warned of', () => {
    expect(read(value, { environmentName: 'x' }).warnings).toEqual([
      'Environment [x] is not defined in process file eco.json',
    ])
  })
})

describe('keys of the command line', () => {
  it('win over the file, whatever its spelling', () => {
    const { specs } = read([{ script: 'a.js', killTimeout: 5, instances: 1 }], {
      overrides: { kill_timeout: '3s', instances: '2' },
    })
    expect(specs[0]).toMatchObject({ killTimeoutMs: 3000, instances: 2 })
  })
})

describe('readNames', () => {
  const value = [
    { script: 'gone.js', instances: 'abc' },
    { name: 'x', script: 'y', append_env_to_name: true },
  ]
  it('needs no script to be there, and no value to hold', () => {
    expect(readNames(value, { file: 'eco.json' })).toEqual(['gone', 'x'])
    expect(readNames(value, { file: 'eco.json', environmentName: 'production' })).toEqual([
      'gone',
      'x-production',
    ])
    expect(readNames(value, { file: 'eco.json', only: ['x'] })).toEqual(['x'])
  })
})
