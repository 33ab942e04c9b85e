import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  newInstance,
  nextDeadline,
  stepInstance,
} from '../../../daemon/supervisor/instance/machine.ts'
import type {
  Effect,
  Instance,
  InstanceEvent,
  InstancePolicy,
} from '../../../daemon/supervisor/instance/state.ts'
import type { Monotonic } from '../../../src/contract/units.ts'

const POLICY: InstancePolicy = {
  isJob: false,
  autorestart: true,
  restart: 'always',
  maxRestarts: undefined,
  minUptimeMs: 1000,
  restartDelayMs: 0,
  expBackoffRestartDelayMs: 0,
  stopExitCodes: [],
  killTimeoutMs: 10_000,
  listenTimeoutMs: 30_000,
  waitReady: false,
  hasReadinessProbe: false,
  canDrain: true,
  drainIdleMs: 5000,
  drainTimeoutMs: 10_000,
  listens: false,
  reportsLoaded: true,
}

/** An instance with a clock in its hand. */
function world(policy: Partial<InstancePolicy> = {}) {
  const rules = { ...POLICY, ...policy }
  let now = 0 as Monotonic
  let instance: Instance = newInstance()
  let effects: Effect[] = []
  return {
    get phase() {
      return instance.state.phase
    },
    get counters() {
      return instance.counters
    },
    get state() {
      return instance.state
    },
    send(event: InstanceEvent): Effect[] {
      ;[instance, effects] = stepInstance(instance, event, rules, now)
      return effects
    },
    advance(ms: number): Effect[] {
      now = (now + ms) as Monotonic
      ;[instance, effects] = stepInstance(instance, { type: 'tick' }, rules, now)
      return effects
    },
    /** Lets time alone pass, from deadline to deadline. */
    settleByTime(): number {
      let steps = 0
      for (
        let at = nextDeadline(instance);
        at !== undefined && steps < 100;
        at = nextDeadline(instance)
      ) {
        now = at
        ;[instance, effects] = stepInstance(instance, { type: 'tick' }, rules, now)
        steps += 1
      }
      return steps
    },
    exit(code: number | null, signal: string | null = null): Effect[] {
      return this.send({ type: 'exited', run: instance.counters.run, code, signal, random: 0 })
    },
    upAndReady(): void {
      this.send({ type: 'start', failFast: false })
      this.send({ type: 'listening', run: instance.counters.run })
    },
  }
}

const types = (effects: Effect[]): string[] => effects.map(({ type }) => type)
const settled = (effects: Effect[]): string | undefined =>
  effects.find((effect) => effect.type === 'settle')?.result

describe('a spawn that a spare may answer', () => {
  const spawnOf = (effects: Effect[]): Effect | undefined =>
    effects.find(({ type }) => type === 'spawn')

  test('follows a death, at once or after a pause', () => {
    const app = world({ restartDelayMs: 500 })
    expect(spawnOf(app.send({ type: 'start', failFast: true }))).toEqual({ type: 'spawn', run: 1 })
    app.send({ type: 'listening', run: 1 })
    expect(spawnOf(app.exit(null, 'SIGKILL'))).toBeUndefined()
    expect(spawnOf(app.advance(500))).toEqual({ type: 'spawn', run: 2, afterDeath: true })
    const other = world()
    other.upAndReady()
    other.advance(5000)
    expect(spawnOf(other.exit(1))).toEqual({ type: 'spawn', run: 2, afterDeath: true })
  })

  test('follows the end by a guard', () => {
    const app = world()
    app.upAndReady()
    app.advance(5000)
    app.send({ type: 'fail', run: 1, by: 'hang', message: 'hangs', kill: true })
    expect(spawnOf(app.exit(null, 'SIGKILL'))).toEqual({ type: 'spawn', run: 2, afterDeath: true })
  })

  test('does not follow a command', () => {
    const app = world()
    app.upAndReady()
    app.send({ type: 'restart', by: 'command' })
    app.send({ type: 'drained', run: 1 })
    expect(spawnOf(app.exit(0))).toEqual({ type: 'spawn', run: 2 })
    app.send({ type: 'stop', by: 'command' })
    app.exit(0)
    expect(spawnOf(app.send({ type: 'restart', by: 'watch' }))).toEqual({ type: 'spawn', run: 3 })
  })
})

describe('readiness', () => {
  test('starting: first listen → ready and in rotation', () => {
    const app = world()
    app.send({ type: 'start', failFast: true })
    expect(types(app.send({ type: 'listening', run: 1 }))).toEqual([
      'became-ready',
      'rotation',
      'settle',
    ])
    expect(app.phase).toBe('ready')
  })

  test('starting: loaded and alive a second later, never listened before → ready, with a note', () => {
    const app = world()
    app.send({ type: 'start', failFast: false })
    app.send({ type: 'loaded', run: 1 })
    expect(app.advance(999)).toEqual([])
    expect(app.advance(1)[0]).toEqual({ type: 'became-ready', run: 1, note: 'listens nowhere' })
  })

  test('starting: loaded, but earlier generations listened → fails at the listen time-out', () => {
    const app = world({ listens: true })
    app.send({ type: 'start', failFast: true })
    app.send({ type: 'loaded', run: 1 })
    app.advance(29_999)
    expect(app.phase).toBe('starting')
    expect(types(app.advance(1))).toEqual(['stop-signal'])
    expect(settled(app.exit(null, 'SIGINT'))).toBe('timed-out')
    expect(app.phase).toBe('errored')
  })

  test('starting with wait_ready: a listen is not enough, the message is', () => {
    const app = world({ waitReady: true })
    app.send({ type: 'start', failFast: false })
    expect(app.send({ type: 'listening', run: 1 })).toEqual([])
    app.send({ type: 'said-ready', run: 1 })
    expect(app.phase).toBe('ready')
  })

  test('starting, a program without the agent: alive a second → ready', () => {
    const app = world({ reportsLoaded: false, canDrain: false, listens: true })
    app.send({ type: 'start', failFast: false })
    app.advance(1000)
    expect(app.phase).toBe('ready')
  })

  test('ready: readiness lost → out of rotation, not killed; found again → back', () => {
    const app = world()
    app.upAndReady()
    expect(app.send({ type: 'readiness', run: 1, ready: false })).toEqual([
      { type: 'rotation', run: 1, inRotation: false },
    ])
    expect(app.phase).toBe('ready')
    expect(app.send({ type: 'readiness', run: 1, ready: true })).toEqual([
      { type: 'rotation', run: 1, inRotation: true },
    ])
  })
})

describe('stopping', () => {
  test('ready: stop → out of rotation, drained, signalled, gone', () => {
    const app = world()
    app.upAndReady()
    expect(types(app.send({ type: 'stop', by: 'command' }))).toEqual(['rotation', 'drain'])
    expect(types(app.send({ type: 'drained', run: 1 }))).toEqual(['stop-signal'])
    expect(settled(app.exit(0))).toBe('stopped')
    expect(app.phase).toBe('stopped')
  })

  test('stopping: silent until the deadline → SIGKILL of the tree, again each second, then errored', () => {
    const app = world({ canDrain: false })
    app.upAndReady()
    app.send({ type: 'stop', by: 'command' })
    expect(app.advance(9_999)).toEqual([])
    expect(app.advance(1)).toEqual([{ type: 'kill-tree', run: 1 }])
    for (let again = 0; again < 4; again += 1)
      expect(app.advance(1000)).toEqual([{ type: 'kill-tree', run: 1 }])
    expect(settled(app.advance(1000))).toBe('failed')
    expect(app.phase).toBe('errored')
  })

  test('draining: exit before the deadline → stopped, no SIGKILL', () => {
    const app = world()
    app.upAndReady()
    app.send({ type: 'stop', by: 'command' })
    expect(types(app.exit(0))).toEqual(['died', 'settle'])
  })

  test('stopping: a start that comes meanwhile → started anew when it is gone', () => {
    const app = world({ canDrain: false })
    app.upAndReady()
    app.send({ type: 'stop', by: 'command' })
    app.send({ type: 'start', failFast: false })
    expect(types(app.exit(0))).toEqual(['died', 'spawn'])
    expect(app.phase).toBe('starting')
  })

  test('restarting: a stop that comes meanwhile → stopped', () => {
    const app = world({ canDrain: false })
    app.upAndReady()
    app.send({ type: 'restart', by: 'command' })
    app.send({ type: 'stop', by: 'command' })
    app.exit(0)
    expect(app.phase).toBe('stopped')
  })

  test('stopped: the exit of an earlier run → nothing', () => {
    const app = world()
    app.upAndReady()
    expect(app.send({ type: 'exited', run: 0, code: 1, signal: null, random: 0 })).toEqual([])
    expect(app.phase).toBe('ready')
  })
})

describe('a guard says fail', () => {
  const fail = (kill: boolean) =>
    ({ type: 'fail', run: 1, by: 'hang', message: 'why', kill }) as const

  test('ready, kill → out of rotation and SIGKILL at once; gone → back, with who and why on record', () => {
    const app = world()
    app.upAndReady()
    expect(app.send(fail(true))).toEqual([
      { type: 'rotation', run: 1, inRotation: false },
      { type: 'kill-tree', run: 1 },
    ])
    const [died, ...rest] = app.exit(null, 'SIGKILL')
    expect(died).toEqual({
      type: 'died',
      run: 1,
      requestedBy: 'hang',
      message: 'why',
      wasReady: true,
      restartInMs: 0,
    })
    expect(types(rest)).toEqual(['spawn', 'settle'])
    expect(app.counters).toMatchObject({ restarts: 1, quickDeaths: 1 })
  })

  test('ready, no kill → drained first', () => {
    const app = world()
    app.upAndReady()
    expect(types(app.send(fail(false)))).toEqual(['rotation', 'drain'])
    app.send({ type: 'drained', run: 1 })
    app.exit(0)
    expect(app.phase).toBe('starting')
  })

  test('again and again → each waits longer, like any death', () => {
    const app = world()
    app.upAndReady()
    app.send(fail(true))
    app.exit(null, 'SIGKILL')
    app.send({ ...fail(true), run: 2 })
    app.exit(null, 'SIGKILL')
    expect(app.phase).toBe('backoff')
  })

  test('starting, all or nothing → errored with the reason', () => {
    const app = world()
    app.send({ type: 'start', failFast: true })
    app.send(fail(true))
    expect(app.exit(null, 'SIGKILL')).toContainEqual({
      type: 'settle',
      result: 'failed',
      message: 'why',
    })
    expect(app.state).toEqual({ phase: 'errored', message: 'why' })
  })

  test('draining for a stop, kill → killed, and stopped', () => {
    const app = world()
    app.upAndReady()
    app.send({ type: 'stop', by: 'command' })
    expect(types(app.send(fail(true)))).toEqual(['kill-tree'])
    app.exit(null, 'SIGKILL')
    expect(app.phase).toBe('stopped')
  })

  test('ready, an app that is not to be restarted → stopped', () => {
    const app = world({ restart: 'never' })
    app.upAndReady()
    app.send(fail(true))
    app.exit(null, 'SIGKILL')
    expect(app.phase).toBe('stopped')
  })
})

describe('restart of what dies', () => {
  test('ready: first quick death → back at once, with the restart counted', () => {
    const app = world()
    app.upAndReady()
    expect(types(app.exit(null, 'SIGKILL'))).toEqual(['died', 'spawn'])
    expect(app.counters.restarts).toBe(1)
  })

  test('quick deaths in a row → each waits twice as long, up to 15 s', () => {
    const app = world()
    app.upAndReady()
    const delays: number[] = []
    for (let death = 0; death < 12; death += 1) {
      app.exit(1)
      if (app.state.phase === 'backoff') {
        delays.push(app.state.delayMs)
        app.advance(app.state.delayMs)
      }
    }
    expect(delays).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000, 15_000])
  })

  test('never ready: 16 quick deaths → errored', () => {
    const app = world()
    app.send({ type: 'start', failFast: false })
    for (let death = 0; death < 16; death += 1) {
      expect(app.phase).not.toBe('errored')
      app.exit(1)
      if (app.state.phase === 'backoff') app.advance(app.state.delayMs)
    }
    expect(app.phase).toBe('errored')
    expect(app.counters.restarts).toBe(15)
  })

  test('once ready: quick deaths never end the tries', () => {
    const app = world()
    app.upAndReady()
    for (let death = 0; death < 100; death += 1) {
      app.exit(1)
      if (app.state.phase === 'backoff') app.advance(app.state.delayMs)
    }
    expect(app.phase).toBe('starting')
  })

  test.each([
    [{ autorestart: false }, 1, 'stopped', 'failed'],
    [{ autorestart: false }, 0, 'stopped', 'completed'],
    [{ restart: 'never' as const }, 1, 'stopped', 'failed'],
    [{ restart: 'on-failure' as const }, 0, 'stopped', 'completed'],
    [{ restart: 'on-failure' as const }, 1, 'starting', 'failed'],
    [{ stopExitCodes: [7] }, 7, 'stopped', 'failed'],
    [{ maxRestarts: 0 }, 1, 'errored', 'failed'],
  ])('%j: exit %i → %s, %s', (policy, code, phase, result) => {
    const app = world(policy)
    app.send({ type: 'start', failFast: false })
    expect(settled(app.exit(code))).toBe(result)
    expect(app.phase).toBe(phase)
  })

  test('restart_delay → that delay each time; exp_backoff_restart_delay → half as much again each time', () => {
    const fixed = world({ restartDelayMs: 700 })
    fixed.upAndReady()
    fixed.exit(1)
    expect(fixed.state).toMatchObject({ phase: 'backoff', delayMs: 700 })
    const growing = world({ expBackoffRestartDelayMs: 100 })
    growing.upAndReady()
    const delays: number[] = []
    for (let death = 0; death < 4; death += 1) {
      growing.exit(1)
      if (growing.state.phase === 'backoff') {
        delays.push(growing.state.delayMs)
        growing.advance(growing.state.delayMs)
      }
    }
    expect(delays).toEqual([100, 150, 225, 337])
  })

  test('an all-or-nothing start: first death → errored, no second try', () => {
    const app = world()
    app.send({ type: 'start', failFast: true })
    expect(settled(app.exit(1))).toBe('failed')
    expect(app.phase).toBe('errored')
    expect(app.counters.restarts).toBe(0)
  })
})

describe('laws', () => {
  const event: fc.Arbitrary<(run: number) => InstanceEvent> = fc.oneof(
    fc.constant(() => ({ type: 'start', failFast: false }) as const),
    fc.constant(() => ({ type: 'start', failFast: true }) as const),
    fc.constant(() => ({ type: 'stop', by: 'command' }) as const),
    fc.constant(() => ({ type: 'restart', by: 'watch' }) as const),
    fc.constant(() => ({ type: 'give-up', message: 'no' }) as const),
    fc.constant((run: number) => ({ type: 'loaded', run }) as const),
    fc.constant((run: number) => ({ type: 'listening', run }) as const),
    fc.constant((run: number) => ({ type: 'said-ready', run }) as const),
    fc.constant((run: number) => ({ type: 'drained', run }) as const),
    fc.boolean().map((ready) => (run: number) => ({ type: 'readiness', run, ready }) as const),
    fc
      .boolean()
      .map(
        (kill) => (run: number) =>
          ({ type: 'fail', run, by: 'hang', message: 'hangs', kill }) as const,
      ),
    fc.constant((run: number) => ({ type: 'spawn-failed', run, message: 'no' }) as const),
    fc
      .integer({ min: 0, max: 3 })
      .map(
        (code) => (run: number) =>
          ({ type: 'exited', run, code, signal: null, random: 0.5 }) as const,
      ),
    fc.constant(() => ({ type: 'tick' }) as const),
  )
  const policies = fc.record({
    isJob: fc.boolean(),
    waitReady: fc.boolean(),
    canDrain: fc.boolean(),
    listens: fc.boolean(),
    reportsLoaded: fc.boolean(),
    autorestart: fc.boolean(),
    hasReadinessProbe: fc.boolean(),
    maxRestarts: fc.option(fc.integer({ min: 0, max: 5 }), { nil: undefined }),
  })
  const steps = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 20_000 })), { maxLength: 60 })

  test('any events, then a silent child: time alone leads to rest', () => {
    fc.assert(
      fc.property(policies, steps, (policy, moves) => {
        const app = world(policy)
        for (const [make, ms] of moves) {
          app.send(make(app.counters.run))
          app.advance(ms)
        }
        expect(app.settleByTime()).toBeLessThan(100)
        expect(['ready', 'stopped', 'errored']).toContain(app.phase)
      }),
    )
  })

  test('a process is only spawned when the one before is gone, and signals go to the one that runs', () => {
    fc.assert(
      fc.property(policies, steps, (policy, moves) => {
        const app = world(policy)
        let alive: number | undefined
        const follow = (effects: Effect[]): void => {
          for (const effect of effects) {
            if (effect.type === 'spawn') {
              expect(alive).toBeUndefined()
              alive = effect.run
            }
            if (
              effect.type === 'stop-signal' ||
              effect.type === 'kill-tree' ||
              effect.type === 'drain'
            )
              expect(effect.run).toBe(alive)
            // Given up on after every SIGKILL: nothing more is sent to it.
            if (effect.type === 'errored') alive = undefined
          }
        }
        for (const [make, ms] of moves) {
          const next = make(app.counters.run)
          if (next.type === 'exited' || next.type === 'spawn-failed') {
            // A spawn that failed says so before anything else can come of it.
            if (
              alive === undefined ||
              (next.type === 'spawn-failed' && !mayStillBeSpawned(app.phase, policy.isJob))
            )
              continue
            alive = undefined
          }
          follow(app.send(next))
          follow(app.advance(ms))
        }
      }),
    )
  })
})

/** A job is on its way from its spawn on. */
function mayStillBeSpawned(phase: string, isJob: boolean): boolean {
  return ['starting', 'stopping'].includes(phase) || (isJob && phase === 'ready')
}

describe('a job', () => {
  const JOB = { isJob: true, autorestart: false, canDrain: false }
  const begun = (): ReturnType<typeof world> => {
    const app = world(JOB)
    expect(app.send({ type: 'start', failFast: false })).toEqual([{ type: 'spawn', run: 1 }])
    return app
  }

  test('running: time alone does not end it', () => {
    const app = begun()
    expect(app.advance(3_600_000)).toEqual([])
    expect(app.phase).toBe('ready')
  })

  test.each([
    [0, 'completed'],
    [3, 'failed'],
  ])('running: exit code %i → stopped, %s', (code, result) => {
    const app = begun()
    app.send({ type: 'loaded', run: 1 })
    const effects = app.send({ type: 'exited', run: 1, code, signal: null, random: 0 })
    expect(effects).toMatchObject([
      { type: 'died', restartInMs: null },
      { type: 'settle', result },
    ])
    expect(app.phase).toBe('stopped')
  })

  test('running: another start waits for its end', () => {
    const app = begun()
    expect(app.send({ type: 'start', failFast: false })).toEqual([])
  })

  test('running: the spawn fails → stopped, failed', () => {
    const app = begun()
    app.send({ type: 'spawn-failed', run: 1, message: 'no' })
    expect(app.phase).toBe('stopped')
  })

  test('running: stop → the stop signal at once, no drain', () => {
    const effects = begun().send({ type: 'stop', by: 'command' })
    expect(effects.map(({ type }) => type)).toEqual(['rotation', 'stop-signal'])
  })
})
