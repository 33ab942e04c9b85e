/**
 * The spares of an app: `(pool, event) → [pool, effects]`. Decides; never acts.
 *
 * There are never more than wanted, those that are ending counted; each is given once; and none is given that was begun
 * before the last `renew`.
 */

import type { Monotonic } from '../../../src/contract/units.ts'
import type {
  Pool,
  PoolEffect,
  PoolEvent,
  PoolPolicy,
  Spare,
  SpareId,
  SpareState,
} from './state.ts'

type Step = [Pool, PoolEffect[]]

export const EMPTY_POOL: Pool = { lastId: 0, spares: [], failures: 0 }

/** After so many failures in a row none is made until the next `renew`. */
export const MAX_FAILURES = 5
const FIRST_RETRY_MS = 1000
/** What waits for the one that was taken goes first: a spawn holds up whoever spawns. */
const REFILL_MS = 250
const KILL_RETRY_MS = 1000
const MAX_KILLS = 5

/** For `describe`. */
export function poolNote({ failures, lastFailure }: Pool): string | undefined {
  if (failures === 0 || lastFailure === undefined) return undefined
  if (failures < MAX_FAILURES) return `its spare ended: ${lastFailure}; another one is to come`
  return `no spare: ${failures} in a row ended, the last by ${lastFailure}; a restart or a reload tries again`
}

/** When the pool wants its next `tick`. */
export function nextPoolDeadline({ spares, retryAt }: Pool): Monotonic | undefined {
  const times = spares.flatMap(({ state }) => (state.phase === 'ready' ? [] : [state.deadline]))
  if (retryAt !== undefined) times.push(retryAt)
  return times.length === 0 ? undefined : (Math.min(...times) as Monotonic)
}

export function stepPool(pool: Pool, event: PoolEvent, policy: PoolPolicy, now: Monotonic): Step {
  const [next, effects] = react(pool, event, policy, now)
  const [settled, more] = settle(next, policy, now)
  return [settled, [...effects, ...more]]
}

function react(pool: Pool, event: PoolEvent, policy: PoolPolicy, now: Monotonic): Step {
  switch (event.type) {
    case 'changed':
      return [pool, []]
    case 'renew': {
      const { lastId } = pool
      const spares = pool.spares.map(forgiven)
      return end({ lastId, spares, failures: 0 }, () => true, policy, now)
    }
    case 'prepared':
      return [put(pool, event.id, ['starting'], () => ({ phase: 'ready', since: now })), []]
    case 'unready': {
      const deadline = plus(now, policy.startTimeoutMs)
      return [put(pool, event.id, ['ready'], () => ({ phase: 'starting', deadline })), []]
    }
    case 'fail':
      return failed(pool, event, policy, now)
    case 'ended':
      return [ended(pool, event, policy, now), []]
    case 'take':
      return take(pool, event.except, now)
    case 'tick':
      return onTime(pool, policy, now)
  }
}

/** The oldest first: it has had the longest to settle. */
function take(pool: Pool, except: readonly SpareId[], now: Monotonic): Step {
  const chosen = pool.spares.find(
    ({ id, state }) => state.phase === 'ready' && !except.includes(id),
  )
  if (chosen === undefined) return [pool, []]
  const { id } = chosen
  const retryAt = plus(now, REFILL_MS)
  return [{ ...without(pool, id), failures: 0, retryAt }, [{ type: 'give', id }]]
}

function failed(
  pool: Pool,
  { id, message, kill }: Extract<PoolEvent, { type: 'fail' }>,
  policy: PoolPolicy,
  now: Monotonic,
): Step {
  if (!pool.spares.some((spare) => spare.id === id)) return [pool, []]
  const [next, effects] = end(pool, (spare) => spare.id === id, policy, now, message)
  if (!kill) return [next, effects]
  const deadline = plus(now, KILL_RETRY_MS)
  const killed = put(
    next,
    id,
    ['ending'],
    (state) => ({ ...state, deadline, kills: 1 }) as SpareState,
  )
  return [killed, [...effects, { type: 'kill', id }]]
}

function ended(
  pool: Pool,
  { id, message }: Extract<PoolEvent, { type: 'ended' }>,
  policy: PoolPolicy,
  now: Monotonic,
): Pool {
  const spare = pool.spares.find((one) => one.id === id)
  if (spare === undefined) return pool
  const { state } = spare
  const rest = without(pool, id)
  if (state.phase === 'ending' && state.failure === undefined) return rest
  const lastFailure = state.phase === 'ending' ? state.failure : message
  // It waited for long and was fit to be chosen: no sign that the next would not be.
  if (state.phase === 'ready' && now - state.since >= policy.minUptimeMs)
    return { ...rest, failures: 0, ...(lastFailure === undefined ? {} : { lastFailure }) }
  const failures = rest.failures + 1
  const counted = { ...rest, failures, ...(lastFailure === undefined ? {} : { lastFailure }) }
  if (failures >= MAX_FAILURES) return counted
  return { ...counted, retryAt: plus(now, FIRST_RETRY_MS * 2 ** (failures - 1)) }
}

function onTime(pool: Pool, policy: PoolPolicy, now: Monotonic): Step {
  let next = pool
  const effects: PoolEffect[] = []
  for (const { id, state } of pool.spares) {
    if (state.phase === 'ready' || state.deadline > now) continue
    if (state.phase === 'starting') {
      const failure = `not ready within ${policy.startTimeoutMs} ms (listen_timeout)`
      const [ending, more] = end(next, (spare) => spare.id === id, policy, now, failure)
      next = ending
      effects.push(...more)
    } else if (state.kills >= MAX_KILLS) {
      next = { ...without(next, id), failures: MAX_FAILURES, lastFailure: 'could not be killed' }
      effects.push({ type: 'forget', id })
    } else {
      const again: SpareState = {
        ...state,
        deadline: plus(now, KILL_RETRY_MS),
        kills: state.kills + 1,
      }
      next = put(next, id, ['ending'], () => again)
      effects.push({ type: 'kill', id })
    }
  }
  return [next, effects]
}

/** Ends what is too much, begins what is missing: one at a time, for they are in no hurry. */
function settle(given: Pool, policy: PoolPolicy, now: Monotonic): Step {
  const { retryAt, ...rest } = given
  const pool: Pool = retryAt !== undefined && retryAt > now ? given : rest
  const live = pool.spares.filter(({ state }) => state.phase !== 'ending')
  if (live.length > policy.wanted) {
    // Those that are prepared stay, the oldest of them.
    const ranked = live.toSorted((a, b) => rank(a) - rank(b) || a.id - b.id)
    const surplus = new Set(ranked.slice(policy.wanted).map(({ id }) => id))
    return end(pool, ({ id }) => surplus.has(id), policy, now)
  }
  const isStarting = live.some(({ state }) => state.phase === 'starting')
  const isFull = pool.spares.length >= policy.wanted
  if (
    !policy.mayStart ||
    isFull ||
    isStarting ||
    pool.failures >= MAX_FAILURES ||
    pool.retryAt !== undefined
  )
    return [pool, []]
  const id = pool.lastId + 1
  const state: SpareState = { phase: 'starting', deadline: plus(now, policy.startTimeoutMs) }
  return [{ ...pool, lastId: id, spares: [...pool.spares, { id, state }] }, [{ type: 'start', id }]]
}

function forgiven(spare: Spare): Spare {
  if (spare.state.phase !== 'ending') return spare
  const { failure: _, ...state } = spare.state
  return { ...spare, state }
}

function rank({ state }: Spare): number {
  return state.phase === 'ready' ? 0 : 1
}

function end(
  pool: Pool,
  isMeant: (spare: Spare) => boolean,
  policy: PoolPolicy,
  now: Monotonic,
  failure?: string,
): Step {
  const effects: PoolEffect[] = []
  const spares = pool.spares.map((spare) => {
    if (spare.state.phase === 'ending' || !isMeant(spare)) return spare
    effects.push({ type: 'stop', id: spare.id })
    const ending = { phase: 'ending', deadline: plus(now, policy.killTimeoutMs), kills: 0 } as const
    return { ...spare, state: failure === undefined ? ending : { ...ending, failure } }
  })
  return [{ ...pool, spares }, effects]
}

function put(
  pool: Pool,
  id: SpareId,
  from: readonly SpareState['phase'][],
  to: (state: SpareState) => SpareState,
): Pool {
  const spares = pool.spares.map((spare) =>
    spare.id === id && from.includes(spare.state.phase)
      ? { ...spare, state: to(spare.state) }
      : spare,
  )
  return { ...pool, spares }
}

function without(pool: Pool, id: SpareId): Pool {
  return { ...pool, spares: pool.spares.filter((spare) => spare.id !== id) }
}

function plus(time: Monotonic, ms: number): Monotonic {
  return (time + ms) as Monotonic
}
