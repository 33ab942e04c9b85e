import { expect, test } from 'vitest'

import { createHearing } from '../../../daemon/supervisor/instance/hearing.ts'
import type { RunnerFacts, RunnerLine } from '../../../daemon/supervisor/instance/runner-facts.ts'
import type { Run } from '../../../daemon/supervisor/instance/state.ts'
import type { FromAgent } from '../../../src/contract/agent.ts'
import type { InstanceBalance } from '../../../src/contract/instance.ts'

const QUIET: InstanceBalance = {
  policy: 'least-connections',
  openConnections: 0,
  accepted: 12,
  acceptedPerSecond: 0,
  inRotation: true,
  loopUtilisation: 0,
  loopDelayMs: 0,
}

/** How often the daemon is told, of one report after another. */
function told(reports: Partial<InstanceBalance>[]): boolean[] {
  let stats = QUIET
  let published = 0
  const run = 1 as unknown as Run
  const facts = {
    options: { id: 0, balancer: { receive: () => undefined, statsOf: () => stats } },
    process: { run, memberId: 1, health: { receive: () => undefined } },
  } as unknown as RunnerFacts
  const line = { publish: () => (published += 1) } as unknown as RunnerLine
  const hearing = createHearing(facts, line)
  return reports.map((report) => {
    const before = published
    stats = { ...QUIET, ...report }
    hearing.fromAgent(run, { act: 'report' } as FromAgent, undefined)
    return published > before
  })
}

test('the daemon hears of the first report, and then of those that say something else', () => {
  expect(told([{}, {}, { openConnections: 1 }, { openConnections: 1 }, { accepted: 13 }])).toEqual([
    true,
    false,
    true,
    false,
    true,
  ])
})

test('a timer that is a few milliseconds late: nothing', () => {
  expect(told([{}, { loopDelayMs: 1 }, { loopDelayMs: 4 }, {}])).toEqual([
    true,
    false,
    false,
    false,
  ])
})

test('a loop that is held up, or at work: something', () => {
  expect(told([{}, { loopDelayMs: 40 }, { loopDelayMs: 40, loopUtilisation: 0.3 }])).toEqual([
    true,
    true,
    true,
  ])
})
