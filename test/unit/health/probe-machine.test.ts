import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  beginProbing,
  nextProbeAt,
  type ProbePlan,
  type Probing,
  type ProbingEffect,
  type ProbingEvent,
  stepProbing,
} from '../../../daemon/supervisor/health/probes/machine.ts'
import type { ProbeSpec } from '../../../src/contract/app.ts'
import type { Monotonic } from '../../../src/contract/units.ts'

const probe = (given: Partial<ProbeSpec> = {}): ProbeSpec => ({
  http: { path: '/', status: [] },
  initialDelayMs: 0,
  periodMs: 10_000,
  timeoutMs: 1000,
  failureThreshold: 3,
  successThreshold: 1,
  ...given,
})

/** Answers each probe at once, as the app at that moment would. */
function world(plan: ProbePlan) {
  let now = 0 as Monotonic
  let probing: Probing = beginProbing(plan, now)
  const seen: { at: number; effect: ProbingEffect }[] = []
  let answer: (kind: string) => boolean = () => false

  function send(event: ProbingEvent): void {
    const [next, effects] = stepProbing(probing, event, plan, now)
    probing = next
    for (const effect of effects) {
      seen.push({ at: now, effect })
      if (effect.type === 'run')
        send({ type: 'result', kind: effect.kind, ok: answer(effect.kind), message: 'no' })
      if (effect.type === 'first-success') send({ type: 'ready' })
    }
  }

  return {
    send,
    answers(next: (kind: string) => boolean): void {
      answer = next
    },
    until(ms: number): void {
      for (let at = nextProbeAt(probing); at !== undefined && at <= ms; at = nextProbeAt(probing)) {
        now = at
        send({ type: 'tick' })
      }
      now = ms as Monotonic
    },
    runs: (kind: string) =>
      seen
        .filter(({ effect }) => effect.type === 'run' && effect.kind === kind)
        .map(({ at }) => at),
    outcomes: () =>
      seen.filter(({ effect }) => effect.type !== 'run').map(({ at, effect }) => [at, effect.type]),
  }
}

describe('readiness', () => {
  test('until the first success it is asked four times a second, then each period', () => {
    const app = world({ readiness: probe() })
    app.until(1000)
    app.answers(() => true)
    app.until(40_000)
    expect(app.runs('readiness')).toEqual([0, 250, 500, 750, 1000, 1250, 11_250, 21_250, 31_250])
    expect(app.outcomes()).toEqual([[1250, 'first-success']])
  })

  test('a listen hurries it', () => {
    const app = world({ readiness: probe({ exec: { command: ['x'] } }) })
    app.until(100)
    app.answers(() => true)
    app.send({ type: 'listening' })
    expect(app.runs('readiness')).toEqual([0, 100])
  })

  test('initialDelay: not asked before, a listen or not', () => {
    const app = world({ readiness: probe({ initialDelayMs: 5000 }) })
    app.send({ type: 'listening' })
    app.until(5000)
    expect(app.runs('readiness')).toEqual([5000])
  })

  test('failureThreshold failures in a row → unready; one success → ready', () => {
    const app = world({ readiness: probe({ periodMs: 1000 }) })
    app.answers(() => true)
    app.until(500)
    app.answers(() => false)
    app.until(3500)
    app.answers(() => true)
    app.until(5000)
    expect(app.outcomes()).toEqual([
      [0, 'first-success'],
      [3000, 'readiness'],
      [4000, 'readiness'],
    ])
  })

  test('successThreshold: so many in a row', () => {
    const app = world({ readiness: probe({ periodMs: 1000, successThreshold: 3 }) })
    app.answers(() => true)
    app.until(5000)
    expect(app.outcomes()).toEqual([[2000, 'first-success']])
  })
})

describe('startup', () => {
  test('fails once failureThreshold periods have passed, however often it was asked', () => {
    const app = world({ startup: probe({ periodMs: 1000 }), readiness: probe() })
    app.until(10_000)
    expect(app.outcomes()).toEqual([[2000, 'failed']])
    expect(app.runs('readiness')).toEqual([])
  })

  test('succeeds → the others begin; alone, it makes ready', () => {
    const app = world({ startup: probe(), readiness: probe(), liveness: probe() })
    app.answers((kind) => kind === 'startup')
    app.until(100)
    expect(app.outcomes()).toEqual([])
    expect([app.runs('startup'), app.runs('readiness'), app.runs('liveness')]).toEqual([
      [0],
      [0],
      [0],
    ])
    const alone = world({ startup: probe() })
    alone.answers(() => true)
    alone.until(100_000)
    expect(alone.outcomes()).toEqual([[0, 'first-success']])
    expect(alone.runs('startup')).toEqual([0])
  })
})

describe('liveness', () => {
  test('begins when the instance is ready, not before; failureThreshold in a row → failed', () => {
    const app = world({ liveness: probe({ periodMs: 1000 }) })
    app.until(60_000)
    expect(app.runs('liveness')).toEqual([])
    app.send({ type: 'ready' })
    app.until(62_500)
    expect(app.outcomes()).toEqual([[62_000, 'failed']])
  })

  test('one success in between starts the count anew', () => {
    const app = world({ liveness: probe({ periodMs: 1000 }) })
    app.send({ type: 'ready' })
    app.until(1500)
    app.answers(() => true)
    app.until(2500)
    app.answers(() => false)
    app.until(4500)
    expect(app.outcomes()).toEqual([])
  })
})

test('laws: whatever the answers, one of a kind at a time, verdicts alternate, first success is first', () => {
  const spec = fc
    .record({
      initialDelayMs: fc.integer({ min: 0, max: 3000 }),
      periodMs: fc.integer({ min: 1, max: 5000 }),
      failureThreshold: fc.integer({ min: 1, max: 5 }),
      successThreshold: fc.integer({ min: 1, max: 3 }),
    })
    .map(probe)
  const plan = fc.record({ startup: spec, readiness: spec, liveness: spec }, { requiredKeys: [] })
  const moves = fc.array(
    fc.oneof(
      fc.record({ ms: fc.integer({ min: 0, max: 10_000 }) }),
      fc.record({ ok: fc.boolean(), kind: fc.constantFrom('startup', 'readiness', 'liveness') }),
      fc.constantFrom({ event: 'listening' as const }, { event: 'ready' as const }),
    ),
    { maxLength: 80 },
  )
  fc.assert(
    fc.property(plan, moves, (chosen, steps) => {
      let now = 0 as Monotonic
      let probing = beginProbing(chosen, now)
      const running = new Set<string>()
      let ready: boolean | undefined
      const step = (event: ProbingEvent): void => {
        const [next, effects] = stepProbing(probing, event, chosen, now)
        probing = next
        for (const effect of effects) {
          if (effect.type === 'run') {
            expect(running.has(effect.kind)).toBe(false)
            running.add(effect.kind)
          }
          if (effect.type === 'first-success') {
            expect(ready).toBeUndefined()
            ready = true
          }
          if (effect.type === 'readiness') {
            expect(ready).toBe(!effect.ready)
            ready = effect.ready
          }
        }
      }
      for (const move of steps) {
        if ('ms' in move) {
          now = (now + move.ms) as Monotonic
          step({ type: 'tick' })
        } else if ('event' in move) {
          step({ type: move.event })
        } else if (running.delete(move.kind)) {
          step({ type: 'result', kind: move.kind as 'startup', ok: move.ok, message: '' })
        }
      }
    }),
  )
})
