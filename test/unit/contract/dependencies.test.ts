import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { RunRecord } from '../../../src/contract/app.ts'
import { type Condition, findCircle, needStatus } from '../../../src/contract/dependencies.ts'
import type { ExitReason, Phase } from '../../../src/contract/instance.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

type State = Parameters<typeof needStatus>[2][number]

const EXIT: ExitReason = {
  kind: 'exit',
  code: 0,
  signal: null,
  pid: 1,
  atMs: 1,
  uptimeMs: 1,
  wasReady: true,
  lastLines: [],
}
const at = (phase: Phase, lastExit?: Partial<ExitReason>): State => ({
  id: 0,
  phase,
  pid: phase === 'ready' || phase === 'unready' || phase === 'starting' ? 4 : 0,
  ...(lastExit === undefined ? {} : { lastExit: { ...EXIT, ...lastExit } }),
})
const PENDING_START: State = { id: 0, phase: 'starting', pid: 0 }

describe('a service', () => {
  test.each<[string, State, Condition, string]>([
    ['not spawned yet', PENDING_START, 'started', 'pending'],
    ['spawned', at('starting'), 'started', 'met'],
    ['spawned', at('starting'), 'ready', 'pending'],
    ['ready', at('ready'), 'ready', 'met'],
    ['ready', at('ready'), 'completed', 'pending'],
    ['not answering its probe', at('unready'), 'ready', 'pending'],
    ['between two tries', at('backoff', { code: 1 }), 'ready', 'pending'],
    ['gave up', at('errored', { code: 1 }), 'ready', 'failed'],
    ['ended well', at('stopped', { code: 0 }), 'completed', 'met'],
    ['ended well', at('stopped', { code: 0 }), 'started', 'met'],
    ['ended well', at('stopped', { code: 0 }), 'ready', 'failed'],
    ['ended with 1', at('stopped', { code: 1 }), 'completed', 'failed'],
    [
      'stopped by a command',
      at('stopped', { code: 0, requestedBy: 'command' }),
      'completed',
      'failed',
    ],
  ])('%s: %j, %s → %s', (_what, state, condition, is) => {
    expect(needStatus(condition, sampleRecord(), [state]).is).toBe(is)
  })

  test('stopped on purpose → failed; one of two ready → met', () => {
    const stopped = sampleRecord({}, { desired: 'stopped' })
    expect(needStatus('ready', stopped, [at('stopped')])).toEqual({
      is: 'failed',
      why: 'is stopped',
    })
    const two = sampleRecord({ instances: 2 })
    expect(needStatus('ready', two, [at('starting'), at('ready')]).is).toBe('met')
  })
})

describe('a job', () => {
  const run = (result: RunRecord['result']): RunRecord => ({
    id: 0,
    number: 0,
    pid: 1,
    startedAtMs: 1,
    durationMs: 1,
    code: 0,
    signal: null,
    result,
  })
  test.each<[string, RunRecord[], 'running' | 'stopped', State, Condition, string]>([
    ['about to run', [], 'running', PENDING_START, 'completed', 'pending'],
    ['runs', [], 'running', at('ready'), 'started', 'met'],
    ['runs', [], 'running', at('ready'), 'completed', 'pending'],
    ['runs', [run('completed')], 'running', at('ready'), 'completed', 'pending'],
    ['runs', [], 'running', at('ready'), 'ready', 'pending'],
    ['completed', [run('completed')], 'stopped', at('stopped'), 'completed', 'met'],
    ['completed', [run('completed')], 'stopped', at('stopped'), 'ready', 'met'],
    [
      'completed before it failed',
      [run('failed'), run('completed')],
      'stopped',
      at('stopped'),
      'completed',
      'failed',
    ],
    ['failed', [run('failed')], 'stopped', at('stopped'), 'started', 'met'],
    [
      'failed, and is to run again',
      [run('failed')],
      'running',
      at('stopped'),
      'completed',
      'pending',
    ],
    ['never run', [], 'stopped', at('stopped'), 'completed', 'failed'],
  ])('%s: %j, %s %j, %s → %s', (_what, runs, desired, state, condition, is) => {
    const record = { ...sampleRecord({ job: { overlap: 'skip' } }, { desired }), runs }
    expect(needStatus(condition, record, [state]).is).toBe(is)
  })
})

test('a circle is found if there is one, and is one', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd', 'e')
  fc.assert(
    fc.property(fc.dictionary(name, fc.array(name, { maxLength: 3 })), (table) => {
      const needs = new Map(Object.entries(table))
      const circle = findCircle(needs)
      if (circle === undefined) {
        // Then one can take away, again and again, an app that needs none of the rest.
        const left = new Map(needs)
        for (let before = -1; before !== left.size;) {
          before = left.size
          for (const [one, others] of [...left])
            if (!others.some((other) => left.has(other))) left.delete(one)
        }
        expect(left.size).toBe(0)
        return
      }
      expect(circle[0]).toBe(circle.at(-1))
      for (let i = 1; i < circle.length; i += 1)
        expect(needs.get(circle[i - 1] ?? '')).toContain(circle[i])
    }),
  )
})
