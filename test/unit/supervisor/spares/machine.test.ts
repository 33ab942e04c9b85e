import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import {
  EMPTY_POOL,
  MAX_FAILURES,
  nextPoolDeadline,
  poolNote,
  stepPool,
} from '../../../../daemon/supervisor/spares/machine.ts'
import type {
  Pool,
  PoolEffect,
  PoolEvent,
  PoolPolicy,
  SpareId,
} from '../../../../daemon/supervisor/spares/state.ts'
import type { Monotonic } from '../../../../src/contract/units.ts'

const POLICY: PoolPolicy = {
  wanted: 1,
  mayStart: true,
  minUptimeMs: 1000,
  startTimeoutMs: 30_000,
  killTimeoutMs: 10_000,
}

/** A pool with a clock in its hand. */
function world(given: Partial<PoolPolicy> = {}) {
  let policy = { ...POLICY, ...given }
  let now = 0 as Monotonic
  let pool: Pool = EMPTY_POOL
  const send = (event: PoolEvent): PoolEffect[] => {
    const [next, effects] = stepPool(pool, event, policy, now)
    pool = next
    return effects
  }
  return {
    get pool() {
      return pool
    },
    get phases() {
      return pool.spares.map(({ state }) => state.phase)
    },
    send,
    ask(change: Partial<PoolPolicy>): PoolEffect[] {
      policy = { ...policy, ...change }
      return send({ type: 'changed' })
    },
    advance(ms: number): PoolEffect[] {
      now = (now + ms) as Monotonic
      return send({ type: 'tick' })
    },
    /** To when it wants to be asked again. */
    wait(): PoolEffect[] {
      const at = nextPoolDeadline(pool)
      if (at === undefined) return []
      now = Math.max(now, at) as Monotonic
      return send({ type: 'tick' })
    },
    /** One that is prepared. */
    filled() {
      send({ type: 'changed' })
      send({ type: 'prepared', id: pool.lastId })
      return this
    },
  }
}

describe('filling', () => {
  test('one after another, until there are as many as wanted', () => {
    const { send } = world({ wanted: 2 })
    expect(send({ type: 'changed' })).toEqual([{ type: 'start', id: 1 }])
    expect(send({ type: 'changed' })).toEqual([])
    expect(send({ type: 'prepared', id: 1 })).toEqual([{ type: 'start', id: 2 }])
    expect(send({ type: 'prepared', id: 2 })).toEqual([])
  })

  test('none while something else starts', () => {
    const { ask } = world({ mayStart: false })
    expect(ask({ wanted: 3 })).toEqual([])
    expect(ask({ mayStart: true })).toEqual([{ type: 'start', id: 1 }])
  })

  test('fewer wanted: those that are prepared stay', () => {
    const pool = world({ wanted: 2 }).filled()
    expect(pool.phases).toEqual(['ready', 'starting'])
    expect(pool.ask({ wanted: 1 })).toEqual([{ type: 'stop', id: 2 }])
    expect(pool.ask({ wanted: 0 })).toEqual([{ type: 'stop', id: 1 }])
  })

  test('one that is ending counts: its successor comes when it is gone', () => {
    const pool = world().filled()
    expect(pool.send({ type: 'renew' })).toEqual([{ type: 'stop', id: 1 }])
    expect(pool.send({ type: 'changed' })).toEqual([])
    expect(pool.send({ type: 'ended', id: 1, message: 'signal SIGINT' })).toEqual([
      { type: 'start', id: 2 },
    ])
    expect(poolNote(pool.pool)).toBeUndefined()
  })
})

describe('taking', () => {
  test('gives the oldest that answers, and fills up again a little later', () => {
    const pool = world({ wanted: 2 }).filled()
    pool.send({ type: 'prepared', id: 2 })
    expect(pool.send({ type: 'take', except: [1] })).toEqual([{ type: 'give', id: 2 }])
    expect(pool.send({ type: 'take', except: [] })).toEqual([{ type: 'give', id: 1 }])
    expect(pool.send({ type: 'take', except: [] })).toEqual([])
    expect(pool.wait()).toEqual([{ type: 'start', id: 3 }])
  })

  test('not one that is starting, unready or ending', () => {
    const pool = world()
    pool.send({ type: 'changed' })
    expect(pool.send({ type: 'take', except: [] })).toEqual([])
    pool.send({ type: 'prepared', id: 1 })
    pool.send({ type: 'unready', id: 1 })
    expect(pool.send({ type: 'take', except: [] })).toEqual([])
    pool.send({ type: 'prepared', id: 1 })
    pool.send({ type: 'renew' })
    expect(pool.send({ type: 'take', except: [] })).toEqual([])
  })
})

describe('failing', () => {
  test('each waits twice as long, then none is made until the next renewal', () => {
    const pool = world()
    pool.send({ type: 'changed' })
    const waits: number[] = []
    for (let failure = 1; failure < MAX_FAILURES; failure += 1) {
      const before = nextPoolDeadline(pool.pool)
      pool.send({ type: 'ended', id: failure, message: 'exit code 1' })
      expect(before).toBe((waits.at(-1) ?? 0) + POLICY.startTimeoutMs)
      expect(poolNote(pool.pool)).toBe('its spare ended: exit code 1; another one is to come')
      const at = nextPoolDeadline(pool.pool) ?? 0
      expect(pool.send({ type: 'changed' })).toEqual([])
      expect(pool.wait()).toEqual([{ type: 'start', id: failure + 1 }])
      waits.push(at)
    }
    expect(waits.map((at, index) => at - (waits[index - 1] ?? 0))).toEqual([1000, 2000, 4000, 8000])
    pool.send({ type: 'ended', id: MAX_FAILURES, message: 'exit code 1' })
    expect(nextPoolDeadline(pool.pool)).toBeUndefined()
    expect(pool.send({ type: 'changed' })).toEqual([])
    expect(poolNote(pool.pool)).toMatch(/^no spare: 5 in a row ended, the last by exit code 1/)
    expect(pool.send({ type: 'renew' })).toEqual([{ type: 'start', id: MAX_FAILURES + 1 }])
    expect(poolNote(pool.pool)).toBeUndefined()
  })

  test('one that waited for long and died is made again at once', () => {
    const pool = world().filled()
    pool.advance(1000)
    expect(pool.send({ type: 'ended', id: 1, message: 'signal SIGKILL' })).toEqual([
      { type: 'start', id: 2 },
    ])
    expect(poolNote(pool.pool)).toBeUndefined()
  })

  test('one that does not come up in time is ended, and counts as failed', () => {
    const pool = world()
    pool.send({ type: 'changed' })
    expect(pool.wait()).toEqual([{ type: 'stop', id: 1 }])
    pool.send({ type: 'ended', id: 1, message: 'signal SIGINT' })
    expect(poolNote(pool.pool)).toMatch('not ready within 30000 ms (listen_timeout)')
  })

  test('one that does not hear is killed; one that cannot be killed is given up', () => {
    const pool = world().filled()
    pool.send({ type: 'renew' })
    const kills = Array.from({ length: 5 }, () => pool.wait())
    expect(kills).toEqual(Array.from({ length: 5 }, () => [{ type: 'kill', id: 1 }]))
    expect(pool.wait()).toEqual([{ type: 'forget', id: 1 }])
    expect(pool.pool.spares).toEqual([])
  })

  test('a guard: with kill at once', () => {
    const pool = world().filled()
    expect(pool.send({ type: 'fail', id: 1, message: 'hangs', kill: true })).toEqual([
      { type: 'stop', id: 1 },
      { type: 'kill', id: 1 },
    ])
  })
})

const KINDS = [
  'changed',
  'renew',
  'tick',
  'take',
  'prepared',
  'prepared',
  'unready',
  'ended',
  'fail',
] as const

interface Happening {
  kind: (typeof KINDS)[number]
  /** Which of all that were ever begun, counted from the youngest. */
  pick: number
  kill: boolean
  policy: Pick<PoolPolicy, 'wanted' | 'mayStart'>
  ms: number
}

/** What happens to a pool: events, some of processes that it does not have any more, what is wanted, and time. */
const history: fc.Arbitrary<Happening[]> = fc.array(
  fc.record({
    kind: fc.constantFrom(...KINDS),
    pick: fc.nat(4),
    kill: fc.boolean(),
    policy: fc.record({ wanted: fc.nat(3), mayStart: fc.boolean() }),
    ms: fc.nat(20_000),
  }),
  { maxLength: 80 },
)

function eventOf({ kind, pick, kill }: Happening, { lastId }: Pool): PoolEvent {
  const id = lastId - pick
  switch (kind) {
    case 'take':
      return { type: 'take', except: [] }
    case 'prepared':
    case 'unready':
      return { type: kind, id }
    case 'ended':
      return { type: 'ended', id, message: 'exit code 1' }
    case 'fail':
      return { type: 'fail', id, message: 'hangs', kill }
    default:
      return { type: kind }
  }
}

test('never more than wanted are begun, none is given twice, none of before a renewal', () => {
  fc.assert(
    fc.property(history, (steps) => {
      let pool: Pool = EMPTY_POOL
      let now = 0 as Monotonic
      const begun = new Map<SpareId, number>()
      const given = new Set<SpareId>()
      let renewals = 0
      for (const step of steps) {
        const policy = { ...POLICY, ...step.policy }
        const event = eventOf(step, pool)
        now = (now + step.ms) as Monotonic
        if (event.type === 'renew') renewals += 1
        const [next, effects] = stepPool(pool, event, policy, now)
        pool = next
        for (const { type, id } of effects) {
          if (type === 'start') {
            expect(begun.has(id)).toBe(false)
            begun.set(id, renewals)
            expect(pool.spares.length).toBeLessThanOrEqual(policy.wanted)
            expect(policy.mayStart).toBe(true)
          }
          if (type === 'give') {
            expect(begun.get(id)).toBe(renewals)
            expect(given.has(id)).toBe(false)
            given.add(id)
          }
          if (type === 'stop' || type === 'kill') expect(given.has(id)).toBe(false)
        }
        const live = pool.spares.filter(({ state }) => state.phase !== 'ending')
        expect(live.length).toBeLessThanOrEqual(policy.wanted)
        expect(live.every(({ id }) => begun.get(id) === renewals)).toBe(true)
      }
    }),
  )
})

test('from any state, with silent processes, time alone leads to rest', () => {
  fc.assert(
    fc.property(history, (steps) => {
      let pool: Pool = EMPTY_POOL
      let now = 0 as Monotonic
      for (const step of steps) {
        now = (now + step.ms) as Monotonic
        ;[pool] = stepPool(pool, eventOf(step, pool), { ...POLICY, ...step.policy }, now)
      }
      const still = { ...POLICY, wanted: 3, mayStart: false }
      for (let turn = 0; turn < 100; turn += 1) {
        const at = nextPoolDeadline(pool)
        if (at === undefined) break
        now = Math.max(now, at) as Monotonic
        ;[pool] = stepPool(pool, { type: 'tick' }, still, now)
      }
      expect(nextPoolDeadline(pool)).toBeUndefined()
      expect(pool.spares.every(({ state }) => state.phase === 'ready')).toBe(true)
    }),
  )
})
