/**
 * A reload as a transaction: `(rollout, event) → [rollout, effects]`. Decides; never acts.
 *
 * A new instance starts beside the old one, must become ready and stay so for `minUptimeMs`, and only then takes its
 * place. One fails: the new ones are removed, those that were replaced already are brought back the same way.
 * Draining instances do not count against the surge, as in a Kubernetes Deployment.
 */

import type { Monotonic } from '../../../src/contract/units.ts'

export interface RolloutPlan {
  /** Instances to replace, in order. */
  ids: readonly number[]
  maxSurge: number
  minUptimeMs: number
  /** How long the old generation stays in reserve after the last one was replaced. */
  soakMs: number
}

export interface Failure {
  id: number
  message: string
}

export type Rising = { id: number; until: Monotonic | undefined }

export type Rollout =
  | {
      phase: 'forward' | 'back'
      plan: RolloutPlan
      waiting: readonly number[]
      /** Started, not yet in place; `until` is set once ready. */
      rising: readonly Rising[]
      /** Replaced by this rollout; with `soak`, their old ones are kept. */
      replaced: readonly number[]
      failure: Failure | undefined
    }
  | { phase: 'soaking'; plan: RolloutPlan; replaced: readonly number[]; until: Monotonic }
  | {
      phase: 'ended'
      result: RolloutResult
      failure: Failure | undefined
      replaced: readonly number[]
    }

export type RolloutResult = 'done' | 'rolled-back' | 'superseded'

export type RolloutEvent =
  | { type: 'ready'; id: number }
  /** It is not ready any more; `failed` follows with the reason, and until then it must not take a place. */
  | { type: 'lost'; id: number }
  /** The new instance of that number died, timed out or lost its readiness; or, while soaking, the one in place did. */
  | { type: 'failed'; id: number; message: string }
  | { type: 'tick' }
  /** `undo`: back to what ran before; else it ends as it stands, since a younger one takes over. */
  | { type: 'abort'; undo: boolean; message: string }

export type RolloutEffect =
  /** Forward: an instance of the new definition; back: one of the old. */
  | { type: 'start'; id: number; definition: 'new' | 'old' }
  /** It takes the number: into rotation, the one before out of it and drained, or kept when `keepOld`. */
  | { type: 'promote'; id: number; keepOld: boolean }
  | { type: 'discard'; id: number }
  /** The kept old one takes its number back; the new one goes. */
  | { type: 'restore'; id: number }
  /** The kept old one is not needed any more. */
  | { type: 'retire-old'; id: number }

type Step = [Rollout, RolloutEffect[]]
type Moving = Extract<Rollout, { phase: 'forward' | 'back' }>

export function beginRollout(plan: RolloutPlan): Step {
  return fill(
    { phase: 'forward', plan, waiting: plan.ids, rising: [], replaced: [], failure: undefined },
    0 as Monotonic,
  )
}

export function nextRolloutDeadline(rollout: Rollout): Monotonic | undefined {
  if (rollout.phase === 'soaking') return rollout.until
  if (rollout.phase === 'ended') return undefined
  const times = rollout.rising.map(({ until }) => until).filter((until) => until !== undefined)
  return times.length === 0 ? undefined : (Math.min(...times) as Monotonic)
}

export function stepRollout(rollout: Rollout, event: RolloutEvent, now: Monotonic): Step {
  if (rollout.phase === 'ended') return [rollout, []]
  if (rollout.phase === 'soaking') return stepSoaking(rollout, event, now)
  switch (event.type) {
    case 'ready':
      return [withReady(rollout, event.id, now), []]
    case 'lost':
      return [withUntil(rollout, event.id, () => undefined), []]
    case 'failed':
      return rollout.rising.some(({ id }) => id === event.id)
        ? failed(rollout, event, now)
        : [rollout, []]
    case 'tick':
      return promoteProven(rollout, now)
    case 'abort':
      return aborted(rollout, event, now)
  }
}

function withReady(rollout: Moving, id: number, now: Monotonic): Moving {
  return withUntil(rollout, id, (until) => until ?? plus(now, rollout.plan.minUptimeMs))
}

function withUntil(
  rollout: Moving,
  id: number,
  change: (until: Monotonic | undefined) => Monotonic | undefined,
): Moving {
  const rising = rollout.rising.map((one) =>
    one.id === id ? { id, until: change(one.until) } : one,
  )
  return { ...rollout, rising }
}

function promoteProven(rollout: Moving, now: Monotonic): Step {
  const proven = rollout.rising
    .filter(({ until }) => until !== undefined && now >= until)
    .map(({ id }) => id)
  if (proven.length === 0) return [rollout, []]
  const keepOld = rollout.phase === 'forward' && rollout.plan.soakMs > 0
  const [next, effects] = fill(
    {
      ...rollout,
      rising: rollout.rising.filter(({ id }) => !proven.includes(id)),
      replaced:
        rollout.phase === 'forward'
          ? [...rollout.replaced, ...proven]
          : rollout.replaced.filter((id) => !proven.includes(id)),
    },
    now,
  )
  return [
    next,
    [...proven.map((id): RolloutEffect => ({ type: 'promote', id, keepOld })), ...effects],
  ]
}

/** Starts as many as the surge allows; ends when nothing is left to do. */
function fill(rollout: Moving, now: Monotonic): Step {
  const room = Math.max(1, rollout.plan.maxSurge) - rollout.rising.length
  const next = rollout.waiting.slice(0, Math.max(0, room))
  const definition = rollout.phase === 'forward' ? 'new' : 'old'
  const filled: Moving = {
    ...rollout,
    waiting: rollout.waiting.slice(next.length),
    rising: [...rollout.rising, ...next.map((id): Rising => ({ id, until: undefined }))],
  }
  const effects = next.map((id): RolloutEffect => ({ type: 'start', id, definition }))
  if (filled.rising.length > 0) return [filled, effects]
  if (filled.phase === 'back') return end(filled, 'rolled-back')
  if (filled.plan.soakMs === 0) return end(filled, 'done')
  return [
    {
      phase: 'soaking',
      plan: filled.plan,
      replaced: filled.replaced,
      until: plus(now, filled.plan.soakMs),
    },
    effects,
  ]
}

function failed(rollout: Moving, { id, message }: Failure, now: Monotonic): Step {
  if (rollout.phase === 'back') {
    // Its old definition does not come up any more either: what is in place there stays.
    const [next, effects] = fill(
      { ...rollout, rising: rollout.rising.filter((one) => one.id !== id) },
      now,
    )
    return [next, [{ type: 'discard', id }, ...effects]]
  }
  return turnBack(rollout, { id, message }, now)
}

function turnBack(rollout: Moving, failure: Failure | undefined, now: Monotonic): Step {
  const discards = rollout.rising.map(({ id }): RolloutEffect => ({ type: 'discard', id }))
  if (rollout.plan.soakMs > 0) {
    const restores = rollout.replaced.map((id): RolloutEffect => ({ type: 'restore', id }))
    return [
      { phase: 'ended', result: 'rolled-back', failure, replaced: [] },
      [...discards, ...restores],
    ]
  }
  const [next, effects] = fill(
    { ...rollout, phase: 'back', waiting: rollout.replaced, rising: [], failure },
    now,
  )
  return [next, [...discards, ...effects]]
}

function aborted(
  rollout: Moving,
  { undo, message }: { undo: boolean; message: string },
  now: Monotonic,
): Step {
  if (undo)
    return rollout.phase === 'back' ? [rollout, []] : turnBack(rollout, { id: -1, message }, now)
  const discards = rollout.rising.map(({ id }): RolloutEffect => ({ type: 'discard', id }))
  const retires =
    rollout.plan.soakMs > 0
      ? rollout.replaced.map((id): RolloutEffect => ({ type: 'retire-old', id }))
      : []
  const [ended] = end(rollout, 'superseded')
  return [ended, [...discards, ...retires]]
}

function stepSoaking(
  rollout: Extract<Rollout, { phase: 'soaking' }>,
  event: RolloutEvent,
  now: Monotonic,
): Step {
  const { replaced } = rollout
  const retire = (): RolloutEffect[] => replaced.map((id) => ({ type: 'retire-old', id }))
  const restore = (failure: Failure): Step => [
    { phase: 'ended', result: 'rolled-back', failure, replaced: [] },
    replaced.map((id) => ({ type: 'restore', id })),
  ]
  switch (event.type) {
    case 'ready':
    case 'lost':
      return [rollout, []]
    case 'failed':
      return restore({ id: event.id, message: event.message })
    case 'tick':
      if (now < rollout.until) return [rollout, []]
      return [{ phase: 'ended', result: 'done', failure: undefined, replaced }, retire()]
    case 'abort':
      if (event.undo) return restore({ id: -1, message: event.message })
      return [{ phase: 'ended', result: 'superseded', failure: undefined, replaced }, retire()]
  }
}

function end(rollout: Moving, result: RolloutResult): Step {
  return [{ phase: 'ended', result, failure: rollout.failure, replaced: rollout.replaced }, []]
}

function plus(time: Monotonic, ms: number): Monotonic {
  return (time + ms) as Monotonic
}
