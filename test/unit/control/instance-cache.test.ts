import { expect, test } from 'vitest'

import { createInstanceCache, lostWithSupervisor } from '../../../daemon/control/instance-cache.ts'
import { type ExitReason, type InstanceState, MAX_DEATHS } from '../../../src/contract/instance.ts'
import { sampleRecord } from '../../helpers/sample-spec.ts'

function running(given: Partial<InstanceState> = {}): InstanceState {
  const [state] = createInstanceCache().of(sampleRecord())
  return { ...(state as InstanceState), phase: 'ready', pid: 41, startedAt: 1000, ...given }
}

function death(atMs: number): ExitReason {
  return {
    kind: 'exit',
    code: 1,
    signal: null,
    pid: 1,
    atMs,
    uptimeMs: 1,
    wasReady: true,
    lastLines: [],
  }
}

test('a process that goes with its supervisor is the newest of the deaths on record', () => {
  const lost = lostWithSupervisor(running({ deaths: [death(7)], generation: 3 }), 5000)
  expect(lost).toMatchObject({ phase: 'stopped', pid: 0, restarts: 1 })
  expect(lost.deaths).toMatchObject([
    { kind: 'supervisor-lost', pid: 41, uptimeMs: 4000, generation: 3 },
    { kind: 'exit', atMs: 7 },
  ])
  expect(lost.lastExit).toBe(lost.deaths?.[0])
})

test('the record of deaths has a bound', () => {
  const deaths = Array.from({ length: MAX_DEATHS }, (_, at) => death(at))
  expect(lostWithSupervisor(running({ deaths }), 5000).deaths).toHaveLength(MAX_DEATHS)
})

test('where no process was, none has died', () => {
  for (const state of [
    running({ phase: 'backoff', pid: 0 }),
    running({ phase: 'stopped', pid: 0 }),
  ])
    expect(lostWithSupervisor(state, 5000)).not.toHaveProperty('deaths')
})
