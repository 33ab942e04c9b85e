import { expect, test } from 'vitest'

import { createMetrics, type Measured } from '../../../daemon/control/metrics.ts'
import { type FakeClock, fakeClock } from '../../helpers/fake-clock.ts'

interface World {
  clock: FakeClock
  metrics: ReturnType<typeof createMetrics>
  /** When a sample was taken, and of which pids. */
  samples: { atMs: number; pids: number[] }[]
}

function world({
  targets = [target(1)],
  costMs = 0.1,
}: { targets?: Measured[]; costMs?: number } = {}): World {
  const clock = fakeClock()
  const samples: World['samples'] = []
  let cpu = 0
  const metrics = createMetrics({
    clock,
    log: () => undefined,
    targets: () => targets,
    measure(pids) {
      samples.push({ atMs: clock.now(), pids })
      cpu += costMs
      return Promise.resolve(
        Object.fromEntries(pids.map((pid) => [pid, { cpu: pid, memory: pid * 10 }])),
      )
    },
    glance: (pid) => (pid < 100 ? pid * 7 : undefined),
    scan: () =>
      [
        [10, 1, 10],
        [11, 10, 10],
        [12, 11, 12], // a session of its own, but a child
        [13, 1, 10], // its parent died, the session stayed
        [20, 1, 20],
      ].map(([pid = 0, parent = 0, session = 0]) => ({
        pid,
        parent,
        session,
        group: session,
        start: 1,
      })),
    cpuMs: () => cpu,
  })
  return { clock, metrics, samples }
}

function target(pid: number, wholeTree = false): Measured {
  return { id: pid, pid, wholeTree }
}

test('nobody ever asked, nothing runs → no sample', async () => {
  const { clock, samples } = world()
  await clock.advance(60_000)
  expect(samples).toEqual([])
})

test('an instance came → sampled once it has settled, then seldom', async () => {
  const { clock, metrics, samples } = world()
  for (let i = 0; i < 50; i += 1) metrics.noteChange()
  await clock.advance(60_000)
  expect(samples.map(({ atMs }) => atMs)).toEqual([250, 30_250])
  expect(metrics.usageOf(1, 1)).toMatchObject({ cpuPercent: 1, memoryBytes: 10 })
})

test('somebody lists → each 2 s for a while', async () => {
  const { clock, metrics, samples } = world()
  metrics.noteInterest()
  await clock.advance(60_000)
  const times = samples.map(({ atMs }) => atMs)
  expect(times.slice(0, 11)).toEqual([
    0, 2000, 4000, 6000, 8000, 10_000, 12_000, 14_000, 16_000, 18_000, 20_000,
  ])
  expect(times.length).toBeLessThan(15)
})

test('listing in a loop does not sample more often', async () => {
  const { clock, metrics, samples } = world()
  for (let i = 0; i < 1000; i += 1) {
    metrics.noteInterest()
    await clock.advance(20)
  }
  expect(samples.length).toBeLessThanOrEqual(12)
})

test.each([
  ['8 instances', 8, 10, 0.002],
  ['500 instances', 500, 60, 0.01],
])('%s: a dear sample comes less often', async (_, count, costMs, share) => {
  const targets = Array.from({ length: count }, (__, i) => target(i + 1))
  const { clock, metrics, samples } = world({ targets, costMs })
  for (let i = 0; i < 600; i += 1) {
    metrics.noteInterest()
    metrics.noteChange()
    await clock.advance(100)
  }
  expect((samples.length * costMs) / 60_000).toBeLessThanOrEqual(share + costMs / 60_000)
})

test('a fork-mode instance counts with all that it started', async () => {
  const { clock, metrics, samples } = world({
    targets: [target(10, true), target(20, true), target(30)],
  })
  metrics.noteInterest()
  await clock.advance(0)
  expect(samples[0]?.pids.toSorted((a, b) => a - b)).toEqual([10, 11, 12, 13, 20, 30])
  expect(metrics.usageOf(10, 10)).toMatchObject({ cpuPercent: 46, memoryBytes: 460 })
  expect(metrics.usageOf(20, 20)).toMatchObject({ cpuPercent: 20, memoryBytes: 200 })
})

test('an instance that got another pid → its memory alone is known until the next sample', async () => {
  const { clock, metrics } = world()
  metrics.noteInterest()
  await clock.advance(0)
  const memoryOf = (pid: number): number | undefined => metrics.usageOf(1, pid)?.memoryBytes
  expect([1, 2, 100, 0].map(memoryOf)).toEqual([10, 14, undefined, undefined])
})

test('disposed → no more samples', async () => {
  const { clock, metrics, samples } = world()
  metrics.noteInterest()
  metrics[Symbol.dispose]()
  await clock.advance(10_000)
  metrics.noteChange()
  await clock.advance(10_000)
  expect(samples.length).toBeLessThanOrEqual(1)
})
