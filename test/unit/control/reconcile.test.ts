import fc from 'fast-check'
import { expect, test } from 'vitest'

import { type ActualApp, type Plan, reconcile } from '../../../daemon/control/reconcile.ts'
import type { AppRecord, AppSpec } from '../../../src/contract/app.ts'
import type { InstanceState, Phase } from '../../../src/contract/instance.ts'
import { sampleRecord, sampleSpec } from '../../helpers/sample-spec.ts'

const supervisorOf = (key: string, { mode }: AppSpec): string =>
  mode === 'fork' ? 'fork' : `app-${key}`

function state(app: string, id: number, phase: Phase, startedAt = 5): InstanceState {
  return {
    id,
    app,
    number: 0,
    generation: 1,
    phase,
    pid: 0,
    pidStart: 0,
    startedAt,
    createdAt: 1,
    restarts: 0,
    unstableRestarts: 0,
    quickDeaths: 0,
    listening: [],
    notes: [],
    axmActions: [],
    axmMonitor: {},
  }
}

function actual(record: AppRecord, phases: Phase[], supervisor = 'fork'): ActualApp {
  const instances = phases.map((phase, id) => state(record.key, record.slots[id]?.id ?? id, phase))
  return { supervisor, record, instances }
}

const plan = (desired: AppRecord[], apps: ActualApp[], isTrusted = true): Plan =>
  reconcile({ desired, actual: apps, isTrusted, supervisorOf })

test('after a boot: what should run is put and started, what is stopped is left', () => {
  const running = sampleRecord({ name: 'a', instances: 2 })
  const stopped = sampleRecord({ name: 'b' }, { firstId: 2, desired: 'stopped' })
  expect(plan([running, stopped], []).actions).toEqual([
    { type: 'put', key: 'a' },
    { type: 'start', key: 'a', ids: [0, 1] },
  ])
})

test('after a death of the daemon: nothing to do', () => {
  const record = sampleRecord({ instances: 2 })
  expect(plan([record], [actual(record, ['ready', 'backoff'])]).actions).toEqual([])
})

test('gave up, or ended by itself → left so', () => {
  const record = sampleRecord({ instances: 2 })
  expect(plan([record], [actual(record, ['errored', 'stopped'])]).actions).toEqual([])
})

test('defined but never started → started', () => {
  const record = sampleRecord()
  const app = { ...actual(record, []), instances: [state('api', 0, 'stopped', 0)] }
  expect(plan([record], [app]).actions).toEqual([{ type: 'start', key: 'api', ids: [0] }])
})

test('a stop that was saved but not carried out → stopped', () => {
  const running = sampleRecord()
  const record = sampleRecord({}, { desired: 'stopped' })
  expect(plan([record], [actual(running, ['ready'])]).actions).toEqual([
    { type: 'stop', key: 'api', ids: [0] },
  ])
})

test('a scale that was saved but not carried out', () => {
  const two = sampleRecord({ instances: 2 })
  const one = sampleRecord({ instances: 1 })
  expect(plan([one], [actual(two, ['ready', 'ready'])]).actions).toEqual([
    { type: 'remove', key: 'api', ids: [1] },
  ])
  expect(plan([two], [actual(one, ['ready'])]).actions).toEqual([
    { type: 'put', key: 'api' },
    { type: 'start', key: 'api', ids: [1] },
  ])
})

test('an app that the state does not know → dropped; kept when the state is an older one', () => {
  const record = sampleRecord()
  const app = actual(record, ['ready'])
  expect(plan([], [app]).actions).toEqual([{ type: 'drop', supervisor: 'fork', key: 'api' }])
  expect(plan([], [app], false)).toEqual({ records: [record], actions: [] })
})

test('a reload that ended while no daemon was there: what runs is the definition', () => {
  const stored = sampleRecord({ args: ['old'] })
  const app = actual({ ...sampleRecord({ args: ['new'] }), listens: true }, ['ready'])
  const { records, actions } = plan([stored], [app])
  expect([records[0]?.spec.args, records[0]?.listens, actions]).toEqual([['new'], true, []])
})

test('an app in the wrong supervisor, or in two → dropped there', () => {
  const record = sampleRecord({ mode: 'cluster' })
  const apps = [actual(record, ['ready'], 'fork'), actual(record, ['ready'], 'app-api')]
  expect(plan([record], apps).actions).toEqual([{ type: 'drop', supervisor: 'fork', key: 'api' }])
})

test('property: carried out once, nothing is left to do, and what runs is what is desired', () => {
  fc.assert(
    fc.property(worlds(), ({ desired, apps, isTrusted }) => {
      const first = plan(desired, apps, isTrusted)
      const after = carryOut(first, apps)
      const second = plan(first.records, after, isTrusted)
      expect(second.actions).toEqual([])
      for (const record of second.records) {
        for (const { id, desired: wanted } of record.slots) {
          const found = after.flatMap(({ instances }) => instances).find((one) => one.id === id)
          if (wanted === 'stopped') expect(found?.phase ?? 'stopped').toMatch(/stopped|errored/)
          else expect(found).toBeDefined()
        }
      }
    }),
  )
})

function worlds() {
  const phase = fc.constantFrom<Phase>(
    'starting',
    'ready',
    'backoff',
    'stopped',
    'errored',
    'stopping',
  )
  const slot = fc.record({
    stored: fc.boolean(),
    hosted: fc.boolean(),
    running: fc.boolean(),
    phase,
    startedAt: fc.constantFrom(0, 9),
  })
  const app = fc.record({
    stored: fc.boolean(),
    hosts: fc.subarray(['fork', 'home', 'app-other']),
    mode: fc.constantFrom('fork' as const, 'cluster' as const),
    slots: fc.array(slot, { minLength: 1, maxLength: 4 }),
  })
  return fc
    .record({ isTrusted: fc.boolean(), list: fc.array(app, { maxLength: 5 }) })
    .map(({ isTrusted, list }) => {
      const desired: AppRecord[] = []
      const apps: ActualApp[] = []
      for (const [index, { stored, hosts, mode, slots }] of list.entries()) {
        const key = `app${index}`
        const spec = sampleSpec({ name: key, mode })
        const slotOf = (n: number) => ({
          id: index * 10 + n,
          number: n,
          desired: slots[n]?.running ? ('running' as const) : ('stopped' as const),
        })
        const numbers = slots.map((_, n) => n)
        const record = (kept: number[]): AppRecord => ({
          key,
          spec,
          listens: false,
          createdAt: 1,
          slots: kept.map(slotOf),
        })
        if (stored) desired.push(record(numbers.filter((n) => n === 0 || slots[n]?.stored)))
        for (const host of hosts) {
          const hosted = numbers.filter((n) => slots[n]?.hosted)
          apps.push({
            supervisor: host === 'home' ? supervisorOf(key, spec) : host,
            record: record(hosted),
            instances: hosted.map((n) =>
              state(key, index * 10 + n, slots[n]!.phase, slots[n]!.startedAt),
            ),
          })
        }
      }
      return { isTrusted, desired, apps }
    })
}

/** What supervisors would make of it. */
function carryOut({ actions, records }: Plan, apps: ActualApp[]): ActualApp[] {
  let after = structuredClone(apps)
  const at = (key: string): ActualApp => {
    const spec = records.find((record) => record.key === key)!.spec
    return after.find(
      (app) => app.record.key === key && app.supervisor === supervisorOf(key, spec),
    )!
  }
  const setAll = (
    key: string,
    ids: number[],
    change: (one: InstanceState) => InstanceState,
  ): void => {
    const app = at(key)
    app.instances = app.instances.map((one) => (ids.includes(one.id) ? change(one) : one))
  }
  for (const action of actions) {
    const { key } = action
    if (action.type === 'drop') {
      let dropped = false
      after = after.filter((app) => {
        const isIt = !dropped && app.record.key === key && app.supervisor === action.supervisor
        dropped ||= isIt
        return !isIt
      })
    } else if (action.type === 'put') {
      const record = records.find((one) => one.key === key)!
      const existing = at(key) as ActualApp | undefined
      const states = record.slots.map(
        ({ id }) =>
          existing?.instances.find((one) => one.id === id) ?? state(key, id, 'stopped', 0),
      )
      const others =
        existing?.instances.filter((one) => !states.some(({ id }) => id === one.id)) ?? []
      after = after.filter((app) => app !== existing)
      after.push({
        supervisor: supervisorOf(key, record.spec),
        record,
        instances: [...states, ...others],
      })
    } else if (action.type === 'remove') {
      const app = at(key)
      app.instances = app.instances.filter(({ id }) => !action.ids.includes(id))
    } else if (action.type === 'stop') {
      setAll(key, action.ids, (one) => ({ ...one, phase: 'stopped' }))
    } else {
      setAll(key, action.ids, (one) => ({ ...one, phase: 'starting', startedAt: 9 }))
    }
  }
  return after
}
