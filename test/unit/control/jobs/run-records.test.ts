import fc from 'fast-check'
import { expect, test } from 'vitest'

import { withRuns } from '../../../../daemon/control/jobs/run-records.ts'
import { type AppRecord, MAX_RUNS } from '../../../../src/contract/app.ts'
import type { ExitReason, InstanceState, Phase } from '../../../../src/contract/instance.ts'
import { sampleRecord } from '../../../helpers/sample-spec.ts'
import { sampleView } from '../../cli/sample-view.ts'

const RECORD = sampleRecord({ name: 'job', job: { overlap: 'skip' } })

function exit(pid: number, given: Partial<ExitReason> = {}): ExitReason {
  return {
    kind: 'exit',
    code: 0,
    signal: null,
    pid,
    atMs: 1000 * pid,
    uptimeMs: 100,
    wasReady: true,
    lastLines: ['a line'],
    ...given,
  }
}

function state(deaths: ExitReason[], phase: Phase = 'stopped'): InstanceState {
  return { ...sampleView({ id: 0, number: 0, phase }), deaths }
}

test.each<[Partial<ExitReason>, string]>([
  [{ code: 0 }, 'completed'],
  [{ code: 1 }, 'failed'],
  [{ code: null, signal: 'SIGKILL' }, 'failed'],
  [{ code: 0, requestedBy: 'command' }, 'stopped'],
  [{ code: null, signal: 'SIGINT', requestedBy: 'cron' }, 'stopped'],
  [{ code: null, signal: 'SIGKILL', requestedBy: 'memory' }, 'failed'],
  [{ code: 0, requestedBy: 'max-age' }, 'failed'],
])('%j → %s', (given, result) => {
  expect(withRuns(RECORD, state([exit(7, given)])).runs).toMatchObject([
    { pid: 7, result, startedAtMs: 6900, durationMs: 100 },
  ])
})

test('the same end told again changes nothing, not even the object', () => {
  const once = withRuns(RECORD, state([exit(7)]))
  expect(withRuns(once, state([{ ...exit(7), lastLines: ['more'] }]))).toBe(once)
})

test('at rest, and without a schedule: it is not to run any more', () => {
  const desired = (record: AppRecord, phase: Phase): string | undefined =>
    withRuns(record, state([exit(7)], phase)).slots[0]?.desired
  expect(desired(RECORD, 'stopped')).toBe('stopped')
  expect(desired(RECORD, 'ready')).toBe('running')
  const scheduled = { ...RECORD, spec: { ...RECORD.spec, cronRestart: '* * * * *' } }
  expect(desired(scheduled, 'stopped')).toBe('running')
})

test('in whatever pieces it is told: newest first, each once, at most so many', () => {
  const told = fc.array(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 10 }))
  fc.assert(
    fc.property(told, (pieces) => {
      let record = RECORD
      for (const pids of pieces)
        record = withRuns(record, state([...new Set(pids)].map((pid) => exit(pid))))
      const pids = (record.runs ?? []).map(({ pid }) => pid)
      expect(pids).toEqual([...new Set(pids)].toSorted((a, b) => b - a))
      expect(pids.length).toBeLessThanOrEqual(MAX_RUNS)
    }),
  )
})
