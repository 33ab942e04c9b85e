import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  judge,
  type Look,
  type Looking,
} from '../../../daemon/supervisor/health/hang/hang-policy.ts'
import {
  growthOf,
  hardLimit,
  judgeMemory,
  keepRecent,
  type MemorySample,
  nextForTheRecordMs,
  nextSampleMs,
} from '../../../daemon/supervisor/health/memory/memory-policy.ts'
import { lifespanOf } from '../../../daemon/supervisor/health/recycle-policy.ts'
import type { Monotonic } from '../../../src/contract/units.ts'

const at = (ms: number): Monotonic => ms as Monotonic

describe('a silence', () => {
  const looking: Looking = { sinceMs: at(2000), cpuMs: 100 }
  const look = (given: Partial<Look>): Look => ({
    now: at(15_000),
    lastReportMs: at(0),
    state: 'S',
    cpuMs: 100,
    ...given,
  })

  test.each<[string, Partial<Look>, number, string]>([
    [
      'all of the time on a CPU, beyond the time-out',
      { state: 'R', cpuMs: 13_100 },
      15_000,
      'hung',
    ],
    ['just half of it', { state: 'R', cpuMs: 6600 }, 15_000, 'hung'],
    [
      'the same before the time-out',
      { now: at(14_900), state: 'R', cpuMs: 13_000 },
      15_000,
      'late',
    ],
    ['the same with the time-out off', { state: 'R', cpuMs: 13_100 }, 0, 'late'],
    ['a quarter of a CPU, wanting more', { state: 'R', cpuMs: 3350 }, 15_000, 'starved'],
    [
      'a quarter of a CPU, but for four times as long',
      { now: at(30_000), state: 'R', cpuMs: 7100 },
      15_000,
      'hung',
    ],
    ['no CPU at all', {}, 15_000, 'waiting'],
    ['no CPU for an hour', { now: at(3_600_000) }, 15_000, 'waiting'],
    ['stopped, whatever it used before', { state: 'T', cpuMs: 13_100 }, 15_000, 'stopped'],
    ['at a breakpoint', { state: 't' }, 15_000, 'stopped'],
    ['too early to say', { now: at(2500) }, 15_000, 'late'],
    [
      'a short time-out needs a second of looking',
      { now: at(2900), state: 'R', cpuMs: 1000 },
      1000,
      'late',
    ],
  ])('%s → %s', (_case, given, timeoutMs, verdict) => {
    expect(judge(looking, look(given), timeoutMs)).toBe(verdict)
  })

  test('law: nothing is hung that has not used half of the time-out on a CPU', () => {
    const states = fc.constantFrom('R', 'S', 'D', 'T')
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.nat(100_000),
        fc.nat(60_000),
        states,
        (ms, cpu, timeout, state) => {
          const verdict = judge(
            looking,
            look({ now: at(2000 + ms), cpuMs: 100 + cpu, state }),
            timeout,
          )
          if (verdict !== 'hung') return
          expect(timeout).toBeGreaterThan(0)
          expect(2000 + ms).toBeGreaterThanOrEqual(timeout)
          expect(cpu).toBeGreaterThanOrEqual((timeout - 2000) / 2)
        },
      ),
    )
  })
})

describe('memory', () => {
  const MB = 1024 * 1024
  const context = { limitBytes: 200 * MB, replacementMs: 500, ageMs: 60_000 }

  /** Samples of a process that grows steadily, up to `mb`. */
  function grown(mb: number, mbPerSecond: number, stepMs = 250): MemorySample[] {
    return [4, 3, 2, 1, 0].map((back) => ({
      atMs: at(10_000 - back * stepMs),
      rssBytes: (mb - (back * stepMs * mbPerSecond) / 1000) * MB,
    }))
  }

  test.each<[string, MemorySample[], string]>([
    ['below its limit', grown(199, 0), 'fine'],
    ['above it', grown(201, 0), 'replace'],
    ['above four thirds', grown(267, 0), 'kill'],
    ['slow growth below the limit', grown(190, 10), 'fine'],
    ['so fast that a replacement would be late', grown(170, 200), 'replace'],
    ['fast, but below half of the limit', grown(90, 800), 'fine'],
  ])('%s → %s', (_case, samples, verdict) => {
    expect(judgeMemory(samples, context)).toBe(verdict)
  })

  test('a saw tooth is no growth', () => {
    const samples = [150, 190, 160].map((mb, n) => ({ atMs: at(n * 250), rssBytes: mb * MB }))
    expect(growthOf(samples)).toBe(0)
    expect(judgeMemory(samples, context)).toBe('fine')
  })

  test('a young process is not replaced for what it may come to', () => {
    expect(judgeMemory(grown(170, 200), { ...context, ageMs: 2000 })).toBe('fine')
  })

  test.each([
    ['young', grown(50, 0), 1000, 250],
    ['old, far from its limit', grown(50, 0), 60_000, 1000],
    ['above half and growing', grown(120, 20), 60_000, 250],
    ['above half, not growing', grown(120, 0), 60_000, 1000],
    ['below half, but there within a second', grown(90, 150), 60_000, 250],
  ])('%s → looked at again in time', (_case, samples, ageMs, ms) => {
    expect(nextSampleMs(samples, { ...context, ageMs })).toBe(ms)
  })

  test('law: at 100 MB/s it is caught below 350 MB, wherever the samples fall', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 100 }),
        fc.integer({ min: 0, max: 999 }),
        (base, offset) => {
          let samples: MemorySample[] = []
          for (let ms = 60_000 + offset; ;) {
            const grownFor = Math.max(0, ms - 61_000)
            samples = keepRecent(samples, { atMs: at(ms), rssBytes: (base + grownFor / 10) * MB })
            const state = { ...context, ageMs: ms }
            const rss = samples.at(-1)?.rssBytes ?? 0
            if (judgeMemory(samples, state) === 'kill') {
              expect(rss).toBeLessThan(hardLimit(state) + 30 * MB)
              return
            }
            ms += nextSampleMs(samples, state)
          }
        },
      ),
    )
  })
})

test.each([
  [0, 900, 54_000],
  [0.5, 1000, 60_000],
  [1, 1100, 66_000],
])('lifespan: random %d → %d requests, %d ms', (random, requests, ageMs) => {
  expect(lifespanOf({ maxRequests: 1000, maxAgeMs: 60_000 }, random)).toEqual({ requests, ageMs })
  expect(lifespanOf({ maxRequests: 0 }, random)).toEqual({ requests: undefined, ageMs: undefined })
})

test.each([
  ['the first time', 5000, undefined, 100, 5000],
  ['as before', 5000, 100, 101, 10_000],
  ['as before, for long', 40_000, 100, 100, 40_000],
  ['grown', 40_000, 100, 110, 5000],
  ['shrunk', 20_000, 100, 50, 5000],
] as const)('memory without a limit, %s → the next look', (_, lastMs, before, now, expected) => {
  expect(nextForTheRecordMs(lastMs, before, now)).toBe(expected)
})
