import fc from 'fast-check'
import { expect, test } from 'vitest'

import { type AppPlan, isNothingToDo, planApps } from '../../../../src/config/plan/plan-apps.ts'
import type { AppDetail } from '../../../../src/contract/api.ts'
import type { AppSpec } from '../../../../src/contract/app.ts'
import type { Phase } from '../../../../src/contract/instance.ts'
import { sampleRecord, sampleSpec } from '../../../helpers/sample-spec.ts'
import { sampleView } from '../../cli/sample-view.ts'
import { spec } from './arbitrary-spec.ts'

const FILE = '/srv/eco.js'

function running(
  given: Partial<AppSpec>,
  { phase = 'ready', desired = 'running' }: { phase?: Phase; desired?: 'running' | 'stopped' } = {},
): AppDetail {
  const record = sampleRecord(given, { desired })
  return {
    record,
    instances: record.slots.map(({ id, number }) =>
      sampleView({ id, number, name: record.spec.name, phase }),
    ),
  }
}

function plan(
  specs: AppSpec[],
  details: AppDetail[],
  { names = specs.map(({ name }) => name), prune = false, updateEnv = false } = {},
): AppPlan[] {
  const file = { path: FILE, names, baseNameOf: ({ name }: AppSpec) => name }
  return planApps({ specs, running: details, file, prune, updateEnv })
}

const told = (apps: AppPlan[]): string[] =>
  apps.map(({ name, status, action }) => `${name}: ${status}, ${action}`)

const FROM_FILE = { source: { file: FILE, index: 0 } }

test.each<[string, AppSpec[], AppDetail[], string[]]>([
  ['new', [sampleSpec()], [], ['api: new, start']],
  ['as it is', [sampleSpec()], [running({})], ['api: unchanged, none']],
  ['other arguments', [sampleSpec({ args: ['x'] })], [running({})], ['api: changed, reload']],
  [
    'another kill_timeout',
    [sampleSpec({ killTimeoutMs: 1 })],
    [running({})],
    ['api: changed, update'],
  ],
  ['more instances', [sampleSpec({ instances: 3 })], [running({})], ['api: scaled, scale']],
  [
    'more instances and another namespace',
    [sampleSpec({ instances: 3, namespace: 'x' })],
    [running({})],
    ['api: changed, scale'],
  ],
  [
    'stopped',
    [sampleSpec()],
    [running({}, { phase: 'stopped', desired: 'stopped' })],
    ['api: stopped, resume'],
  ],
  ['gave up', [sampleSpec()], [running({}, { phase: 'errored' })], ['api: stopped, resume']],
  [
    'gave up, another count',
    [sampleSpec({ instances: 2 })],
    [running({}, { phase: 'errored' })],
    ['api: scaled, reload'],
  ],
  [
    'ended by itself',
    [sampleSpec()],
    [running({}, { phase: 'stopped' })],
    ['api: unchanged, none'],
  ],
  [
    'autostart: false, stopped',
    [sampleSpec({ autostart: false })],
    [running({ autostart: false }, { phase: 'stopped', desired: 'stopped' })],
    ['api: unchanged, none'],
  ],
  ['gone from the file', [], [running(FROM_FILE)], ['api: removed, none']],
  ['of another file', [], [running({ source: { file: '/other.js', index: 0 } })], []],
  ['of the command line', [], [running({})], []],
])('%s', (_what, specs, details, expected) => {
  expect(told(plan(specs, details))).toEqual(expected)
})

test('prune deletes what came from this file, and no other', () => {
  const details = [running(FROM_FILE), running({ name: 'other' })]
  expect(told(plan([], details, { prune: true }))).toEqual(['api: removed, delete'])
})

test('prune spares the same app of another environment', () => {
  const staging = running({ name: 'api-staging', ...FROM_FILE })
  const request = {
    specs: [sampleSpec({ name: 'api-production' })],
    running: [staging],
    file: { path: FILE, names: ['api'], baseNameOf: () => 'api' },
    prune: true,
    updateEnv: false,
  }
  expect(told(planApps(request))).toEqual(['api-production: new, start'])
})

test('the shell counts with updateEnv alone', () => {
  const before = running({ env: { A: '1' }, envSources: { A: 'shell' } })
  const wanted = sampleSpec({ env: { A: '2' }, envSources: { A: 'shell' } })
  expect(plan([wanted], [before])).toMatchObject([{ action: 'none', shell: ['A'] }])
  expect(plan([wanted], [before], { updateEnv: true })).toMatchObject([
    { action: 'reload', shell: [], changes: [{ key: 'env.A' }] },
  ])
})

test('after what it says was done there is nothing to do', () => {
  fc.assert(
    fc.property(fc.option(spec), spec, fc.boolean(), (before, wanted, updateEnv) => {
      const details = before === null ? [] : [running(before)]
      const [first] = plan([wanted], details, { updateEnv })
      const done = running({ ...first?.spec })
      expect(isNothingToDo(plan([wanted], [done], { updateEnv }))).toBe(true)
    }),
  )
})

test('each wanted app stands in it once, in the order of the file; what runs and is not of it never', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'))
  fc.assert(
    fc.property(names, names, names, fc.boolean(), (wanted, ofFile, others, prune) => {
      const details = [
        ...ofFile.map((name) => running({ name, ...FROM_FILE })),
        ...others.filter((name) => !ofFile.includes(name)).map((name) => running({ name })),
      ]
      const apps = plan(
        wanted.map((name) => sampleSpec({ name, ...FROM_FILE })),
        details,
        { prune },
      )
      const gone = ofFile.filter((name) => !wanted.includes(name))
      expect(apps.map(({ name }) => name)).toEqual([...wanted, ...gone])
      const deleted = apps.filter(({ action }) => action === 'delete').map(({ name }) => name)
      expect(deleted).toEqual(prune ? gone : [])
    }),
  )
})
