import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  beginRollout,
  nextRolloutDeadline,
  type Rollout,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutPlan,
  stepRollout,
} from '../../../daemon/supervisor/rollout/machine.ts'
import type { Monotonic } from '../../../src/contract/units.ts'

const PLAN: RolloutPlan = { ids: [0, 1, 2, 3], maxSurge: 1, minUptimeMs: 1000, soakMs: 0 }

/** Who serves under which number, as the edge would have it. */
function world(change: Partial<RolloutPlan> = {}) {
  const plan = { ...PLAN, ...change }
  let now = 0 as Monotonic
  let rollout: Rollout
  const serving = new Map<number, 'old' | 'new'>(plan.ids.map((id) => [id, 'old']))
  const rising = new Map<number, 'old' | 'new'>()
  const kept = new Set<number>()
  let mostRising = 0
  const follow = ([next, effects]: [Rollout, RolloutEffect[]]): RolloutEffect[] => {
    rollout = next
    for (const effect of effects) apply(effect)
    mostRising = Math.max(mostRising, rising.size)
    return effects
  }
  const apply = (effect: RolloutEffect): void => {
    const { id } = effect
    switch (effect.type) {
      case 'start':
        expect(rising.has(id)).toBe(false)
        rising.set(id, effect.definition)
        break
      case 'promote': {
        const definition = rising.get(id)
        if (definition === undefined) throw new Error(`nothing to promote under ${id}`)
        rising.delete(id)
        serving.set(id, definition)
        if (effect.keepOld) kept.add(id)
        break
      }
      case 'discard':
        expect(rising.delete(id)).toBe(true)
        break
      case 'restore':
        expect(kept.delete(id)).toBe(true)
        serving.set(id, 'old')
        break
      case 'retire-old':
        expect(kept.delete(id)).toBe(true)
        break
    }
  }
  follow(beginRollout(plan))
  return {
    send: (event: RolloutEvent) => follow(stepRollout(rollout, event, now)),
    advance(ms: number) {
      now = (now + ms) as Monotonic
      return follow(stepRollout(rollout, { type: 'tick' }, now))
    },
    get rollout() {
      return rollout
    },
    serving: () => [...serving.values()],
    rising,
    kept,
    mostRising: () => mostRising,
    /** Every new one becomes ready; time passes. */
    finish(): void {
      for (let step = 0; step < 100 && rollout.phase !== 'ended'; step += 1) {
        for (const id of rising.keys()) this.send({ type: 'ready', id })
        const deadline = nextRolloutDeadline(rollout)
        if (deadline !== undefined) this.advance(Math.max(0, deadline - now))
      }
    },
  }
}

describe('forward', () => {
  test('one at a time: the next starts only when the one before is in place', () => {
    const app = world()
    expect([...app.rising.keys()]).toEqual([0])
    app.send({ type: 'ready', id: 0 })
    expect(app.advance(999)).toEqual([])
    expect(app.advance(1)).toEqual([
      { type: 'promote', id: 0, keepOld: false },
      { type: 'start', id: 1, definition: 'new' },
    ])
    app.finish()
    expect(app.rollout).toMatchObject({ phase: 'ended', result: 'done' })
    expect(app.serving()).toEqual(['new', 'new', 'new', 'new'])
  })

  test('max_surge 2: two at a time', () => {
    const app = world({ maxSurge: 2 })
    app.finish()
    expect(app.mostRising()).toBe(2)
    expect(app.serving()).toEqual(['new', 'new', 'new', 'new'])
  })
})

describe('failure', () => {
  test('the first fails → nothing was touched', () => {
    const app = world()
    expect(app.send({ type: 'failed', id: 0, message: 'threw' })).toEqual([
      { type: 'discard', id: 0 },
    ])
    expect(app.rollout).toMatchObject({
      phase: 'ended',
      result: 'rolled-back',
      failure: { id: 0, message: 'threw' },
    })
    expect(app.serving()).toEqual(['old', 'old', 'old', 'old'])
  })

  test('dies while it proves itself → rolled back', () => {
    const app = world()
    app.send({ type: 'ready', id: 0 })
    app.send({ type: 'failed', id: 0, message: 'died' })
    expect(app.serving()).toEqual(['old', 'old', 'old', 'old'])
  })

  test('the third fails → the first two are brought back', () => {
    const app = world()
    for (const id of [0, 1]) {
      app.send({ type: 'ready', id })
      app.advance(1000)
    }
    app.send({ type: 'failed', id: 2, message: 'threw' })
    expect(app.rollout.phase).toBe('back')
    app.finish()
    expect(app.rollout).toMatchObject({ phase: 'ended', result: 'rolled-back' })
    expect(app.serving()).toEqual(['old', 'old', 'old', 'old'])
  })

  test('soaking: one dies → the kept generation serves again at once', () => {
    const app = world({ soakMs: 60_000 })
    for (const id of [0, 1, 2, 3]) {
      app.send({ type: 'ready', id })
      app.advance(1000)
    }
    expect(app.rollout.phase).toBe('soaking')
    app.send({ type: 'failed', id: 2, message: 'died' })
    expect(app.serving()).toEqual(['old', 'old', 'old', 'old'])
    expect(app.kept.size).toBe(0)
  })

  test('superseded: what is rising goes, what is in place stays', () => {
    const app = world()
    app.send({ type: 'ready', id: 0 })
    app.advance(1000)
    app.send({ type: 'abort', undo: false, message: 'a younger reload' })
    expect(app.rollout).toMatchObject({ phase: 'ended', result: 'superseded' })
    expect(app.serving()).toEqual(['new', 'old', 'old', 'old'])
    expect(app.rising.size).toBe(0)
  })
})

test('laws: under any order of events every number is served, the surge holds, and it ends', () => {
  const id = fc.integer({ min: 0, max: 3 })
  const event: fc.Arbitrary<RolloutEvent> = fc.oneof(
    { weight: 4, arbitrary: id.map((one) => ({ type: 'ready' as const, id: one })) },
    id.map((one) => ({ type: 'failed' as const, id: one, message: 'no' })),
    { weight: 3, arbitrary: fc.constant({ type: 'tick' as const }) },
    fc.boolean().map((undo) => ({ type: 'abort' as const, undo, message: 'stop' })),
  )
  const plans = fc.record({
    maxSurge: fc.integer({ min: 1, max: 5 }),
    soakMs: fc.constantFrom(0, 5000),
  })
  const moves = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 3000 })), { maxLength: 40 })
  fc.assert(
    fc.property(plans, moves, (plan, steps) => {
      const app = world(plan)
      for (const [next, ms] of steps) {
        app.send(next)
        app.advance(ms)
        expect(app.serving()).toHaveLength(4)
        expect(app.rising.size).toBeLessThanOrEqual(plan.maxSurge)
      }
      app.finish()
      if (app.rollout.phase !== 'ended') throw new Error('it does not end')
      expect(app.rising.size).toBe(0)
      expect(app.kept.size).toBe(0)
      if (app.rollout.result === 'done') expect(app.serving()).toEqual(['new', 'new', 'new', 'new'])
      if (app.rollout.result === 'rolled-back' && !steps.some(([{ type }]) => type === 'failed')) {
        expect(app.serving()).toEqual(['old', 'old', 'old', 'old'])
      }
    }),
  )
})
