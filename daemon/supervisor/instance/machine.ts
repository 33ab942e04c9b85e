/** The life of one instance: `(state, event) → [state, effects]`. Decides; never acts. */

import type { Requester } from '../../../src/contract/instance.ts'
import type { Monotonic } from '../../../src/contract/units.ts'
import { type Death, decideRestart } from './restart-policy.ts'
import type {
  Counters,
  Effect,
  Instance,
  InstanceEvent,
  InstancePolicy,
  InstanceState,
  Next,
} from './state.ts'

/** Loaded and alive this long without a listen: a program that listens nowhere is ready. */
const QUIET_READY_MS = 1000
/** SIGKILL is sent again each of these, and given up after the last. */
const KILL_RETRY_MS = 1000
const MAX_KILLS = 5

type Step = [Instance, Effect[]]
type Died = Extract<Effect, { type: 'died' }>

export function newInstance(counters?: Partial<Counters>): Instance {
  return {
    state: { phase: 'stopped' },
    counters: {
      run: 0,
      restarts: 0,
      unstableRestarts: 0,
      quickDeaths: 0,
      backoffMs: 0,
      everReady: false,
      ...counters,
    },
  }
}

/** When the machine wants its next `tick`; undefined: only events move it on. */
export function nextDeadline({ state }: Instance): Monotonic | undefined {
  switch (state.phase) {
    case 'starting':
      return state.quietReadyAt !== undefined && state.quietReadyAt < state.deadline
        ? state.quietReadyAt
        : state.deadline
    case 'draining':
    case 'stopping':
      return state.deadline
    case 'backoff':
      return state.retryAt
    case 'ready':
    case 'stopped':
    case 'errored':
      return undefined
  }
}

/** Events that mean nothing in this state, or come from an earlier run, return it unchanged. */
export function stepInstance(
  instance: Instance,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  if ('run' in event && event.run !== instance.counters.run) return [instance, []]
  if (event.type === 'reset') {
    return [
      {
        ...instance,
        counters: {
          ...instance.counters,
          restarts: 0,
          unstableRestarts: 0,
          quickDeaths: 0,
          backoffMs: 0,
        },
      },
      [],
    ]
  }
  const { state } = instance
  switch (state.phase) {
    case 'stopped':
    case 'errored':
      return stepAtRest(instance, event, policy, now)
    case 'starting':
      return stepStarting(instance, state, event, policy, now)
    case 'ready':
      return stepReady(instance, state, event, policy, now)
    case 'draining':
      return stepDraining(instance, state, event, policy, now)
    case 'stopping':
      return stepStopping(instance, state, event, policy, now)
    case 'backoff':
      return stepBackoff(instance, state, event, policy, now)
  }
}

function stepAtRest(
  instance: Instance,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'start':
      return spawn(instance, policy, now, {
        failFast: event.failFast,
        counters: forgiven(instance.counters),
      })
    case 'restart':
      return spawn(instance, policy, now, {
        failFast: false,
        counters: forgiven(instance.counters),
      })
    case 'stop':
      return [{ ...instance, state: { phase: 'stopped' } }, [{ type: 'settle', result: 'stopped' }]]
    case 'give-up':
      return giveUp(instance, event.message)
    default:
      return [instance, []]
  }
}

type Starting = Extract<InstanceState, { phase: 'starting' }>

function stepStarting(
  instance: Instance,
  state: Starting,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'loaded':
      return listenIsExpected(policy)
        ? [instance, []]
        : [{ ...instance, state: { ...state, quietReadyAt: plus(now, QUIET_READY_MS) } }, []]
    case 'listening':
      return policy.waitReady || policy.hasReadinessProbe
        ? [instance, []]
        : becomeReady(instance, state)
    case 'said-ready':
      return becomeReady(instance, state)
    case 'tick':
      if (state.quietReadyAt !== undefined && now >= state.quietReadyAt)
        return becomeReady(instance, state, 'listens nowhere')
      if (now < state.deadline) return [instance, []]
      return beginStopping(instance, state, policy, now, {
        next: 'fail',
        by: 'listen-timeout',
        wasReady: false,
        failFast: state.failFast,
      })
    case 'stop':
      return beginStopping(instance, state, policy, now, {
        ...requestedEnd('stop', event),
        wasReady: false,
      })
    case 'restart':
      return beginStopping(instance, state, policy, now, {
        ...requestedEnd('restart', event),
        wasReady: false,
      })
    case 'fail': {
      const end = { ...requestedEnd('fail', event), wasReady: false, failFast: state.failFast }
      return event.kill
        ? kill(instance, state, now, end)
        : beginStopping(instance, state, policy, now, end)
    }
    case 'spawn-failed':
      return afterDeath(
        instance,
        { code: null, signal: null, uptimeMs: 0, wasReady: false, random: 0 },
        policy,
        now,
        {
          failFast: state.failFast,
          kind: 'spawn-failed',
          message: event.message,
        },
      )
    case 'exited':
      return afterDeath(
        instance,
        {
          code: event.code,
          signal: event.signal,
          uptimeMs: now - state.startedAt,
          wasReady: false,
          random: event.random,
        },
        policy,
        now,
        { failFast: state.failFast },
      )
    default:
      return [instance, []]
  }
}

type Ready = Extract<InstanceState, { phase: 'ready' }>

function stepReady(
  instance: Instance,
  state: Ready,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'start':
      return [instance, [{ type: 'settle', result: 'ready' }]]
    case 'readiness':
      if (event.ready === state.inRotation) return [instance, []]
      return [
        { ...instance, state: { ...state, inRotation: event.ready } },
        [{ type: 'rotation', run: state.run, inRotation: event.ready }],
      ]
    case 'stop':
      return beginDrain(instance, state, policy, now, requestedEnd('stop', event))
    case 'restart':
      return beginDrain(instance, state, policy, now, requestedEnd('restart', event))
    case 'fail': {
      const end = requestedEnd('fail', event)
      if (!event.kill) return beginDrain(instance, state, policy, now, end)
      const [stopping, effects] = kill(instance, state, now, end)
      return [stopping, [outOfRotation(state.run), ...effects]]
    }
    case 'exited':
      return afterDeath(
        instance,
        {
          code: event.code,
          signal: event.signal,
          uptimeMs: now - state.startedAt,
          wasReady: true,
          random: event.random,
        },
        policy,
        now,
        { failFast: false },
      )
    default:
      return [instance, []]
  }
}

type Draining = Extract<InstanceState, { phase: 'draining' }>

function stepDraining(
  instance: Instance,
  state: Draining,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'drained':
      return beginStopping(instance, state, policy, now, { ...endOf(state), wasReady: true })
    case 'tick':
      if (now < state.deadline) return [instance, []]
      return beginStopping(instance, state, policy, now, { ...endOf(state), wasReady: true })
    case 'fail':
      if (!event.kill) return [instance, []]
      return kill(instance, state, now, { ...endOf(state), wasReady: true })
    case 'exited':
      return afterRequestedEnd(instance, state, { ...endOf(state), wasReady: true }, policy, now)
    default:
      return [withNext(instance, state, event), []]
  }
}

type Stopping = Extract<InstanceState, { phase: 'stopping' }>

function stepStopping(
  instance: Instance,
  state: Stopping,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'tick':
      if (now < state.deadline) return [instance, []]
      if (state.kills >= MAX_KILLS)
        return giveUp(instance, `pid could not be killed after ${state.kills} SIGKILLs`)
      return [
        {
          ...instance,
          state: { ...state, kills: state.kills + 1, deadline: plus(now, KILL_RETRY_MS) },
        },
        [{ type: 'kill-tree', run: state.run }],
      ]
    case 'fail':
      if (!event.kill || state.kills > 0) return [instance, []]
      return kill(instance, state, now, { ...endOf(state), wasReady: state.wasReady })
    case 'exited':
    case 'spawn-failed':
      return afterRequestedEnd(
        instance,
        state,
        { ...endOf(state), wasReady: state.wasReady },
        policy,
        now,
      )
    default:
      return [withNext(instance, state, event), []]
  }
}

type Backoff = Extract<InstanceState, { phase: 'backoff' }>

function stepBackoff(
  instance: Instance,
  state: Backoff,
  event: InstanceEvent,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  switch (event.type) {
    case 'tick':
      return now < state.retryAt
        ? [instance, []]
        : spawn(instance, policy, now, { failFast: false })
    case 'start':
      return spawn(instance, policy, now, {
        failFast: event.failFast,
        counters: forgiven(instance.counters),
      })
    case 'restart':
      return spawn(instance, policy, now, {
        failFast: false,
        counters: forgiven(instance.counters),
      })
    case 'stop':
      return [{ ...instance, state: { phase: 'stopped' } }, [{ type: 'settle', result: 'stopped' }]]
    case 'give-up':
      return giveUp(instance, event.message)
    default:
      return [instance, []]
  }
}

function spawn(
  instance: Instance,
  policy: InstancePolicy,
  now: Monotonic,
  how: { failFast: boolean; counters?: Counters },
): Step {
  const counters = { ...(how.counters ?? instance.counters) }
  counters.run = instance.counters.run + 1
  const state: Starting = {
    phase: 'starting',
    run: counters.run,
    startedAt: now,
    deadline: plus(now, policy.listenTimeoutMs),
    failFast: how.failFast,
  }
  if (!policy.reportsLoaded && !listenIsExpected(policy))
    state.quietReadyAt = plus(now, QUIET_READY_MS)
  return [{ state, counters }, [{ type: 'spawn', run: counters.run }]]
}

/** Where something stronger than "loaded and alive" was asked for, or is known to come. */
function listenIsExpected(policy: InstancePolicy): boolean {
  return policy.waitReady || policy.hasReadinessProbe || (policy.listens && policy.reportsLoaded)
}

function becomeReady(instance: Instance, state: Starting, note?: string): Step {
  return [
    {
      state: { phase: 'ready', run: state.run, startedAt: state.startedAt, inRotation: true },
      counters: { ...instance.counters, everReady: true },
    },
    [
      note === undefined
        ? { type: 'became-ready', run: state.run }
        : { type: 'became-ready', run: state.run, note },
      { type: 'rotation', run: state.run, inRotation: true },
      { type: 'settle', result: 'ready' },
    ],
  ]
}

interface RequestedEnd {
  next: Next
  by: Requester
  wasReady: boolean
  failFast: boolean
  message?: string
}

function requestedEnd(
  next: Next,
  { by, message }: { by: Requester; message?: string },
): RequestedEnd {
  return {
    next,
    by,
    wasReady: true,
    failFast: false,
    ...(message === undefined ? {} : { message }),
  }
}

function endOf({
  next,
  by,
  failFast,
  message,
}: Draining | Stopping): Omit<RequestedEnd, 'wasReady'> {
  return { next, by, failFast, ...(message === undefined ? {} : { message }) }
}

function outOfRotation(run: number): Effect {
  return { type: 'rotation', run, inRotation: false }
}

/** Balancing stops choosing it first; only then is it asked to finish. */
function beginDrain(
  instance: Instance,
  state: Ready,
  policy: InstancePolicy,
  now: Monotonic,
  end: RequestedEnd,
): Step {
  const { run, startedAt } = state
  if (!policy.canDrain) {
    const [stopping, effects] = beginStopping(instance, state, policy, now, end)
    return [stopping, [outOfRotation(run), ...effects]]
  }
  const { wasReady: _, ...kept } = end
  return [
    {
      ...instance,
      state: {
        phase: 'draining',
        run,
        startedAt,
        deadline: plus(now, policy.drainIdleMs + policy.drainTimeoutMs + QUIET_READY_MS),
        ...kept,
      },
    },
    [
      outOfRotation(run),
      { type: 'drain', run, idleMs: policy.drainIdleMs, timeoutMs: policy.drainTimeoutMs },
    ],
  ]
}

function beginStopping(
  instance: Instance,
  { run, startedAt }: { run: number; startedAt: Monotonic },
  policy: InstancePolicy,
  now: Monotonic,
  end: RequestedEnd,
): Step {
  const deadline = plus(now, policy.killTimeoutMs)
  return [
    { ...instance, state: { phase: 'stopping', run, startedAt, deadline, kills: 0, ...end } },
    [{ type: 'stop-signal', run }],
  ]
}

/** Without asking: it does not answer, or may not live on for so long. */
function kill(
  instance: Instance,
  { run, startedAt }: { run: number; startedAt: Monotonic },
  now: Monotonic,
  end: RequestedEnd,
): Step {
  const deadline = plus(now, KILL_RETRY_MS)
  return [
    { ...instance, state: { phase: 'stopping', run, startedAt, deadline, kills: 1, ...end } },
    [{ type: 'kill-tree', run }],
  ]
}

/** A command that comes while the process is ending changes what follows, not the end. */
function withNext(instance: Instance, state: Draining | Stopping, event: InstanceEvent): Instance {
  // What was told with a reason stays the reason.
  const by = (asked: Requester): Requester => (state.message === undefined ? asked : state.by)
  switch (event.type) {
    case 'stop':
      return { ...instance, state: { ...state, next: 'stop', by: by(event.by) } }
    case 'restart':
      return { ...instance, state: { ...state, next: 'restart', by: by(event.by) } }
    case 'start':
      return { ...instance, state: { ...state, next: 'restart', failFast: event.failFast } }
    case 'give-up':
      return {
        ...instance,
        state: { ...state, next: 'fail', failFast: true, message: event.message },
      }
    default:
      return instance
  }
}

function afterRequestedEnd(
  instance: Instance,
  { startedAt }: { startedAt: Monotonic },
  end: RequestedEnd,
  policy: InstancePolicy,
  now: Monotonic,
): Step {
  const died: Died = {
    type: 'died',
    run: instance.counters.run,
    requestedBy: end.by,
    wasReady: end.wasReady,
    restartInMs: end.next === 'restart' ? 0 : null,
    ...(end.message === undefined ? {} : { message: end.message }),
  }
  if (end.next === 'stop')
    return [
      { ...instance, state: { phase: 'stopped' } },
      [died, { type: 'settle', result: 'stopped' }],
    ]
  if (end.next === 'restart') {
    const counters = { ...forgiven(instance.counters), restarts: instance.counters.restarts + 1 }
    const [started, effects] = spawn(instance, policy, now, { failFast: end.failFast, counters })
    return [started, [died, ...effects]]
  }
  return afterFailure(instance, died, end, policy, now, end.wasReady ? now - startedAt : 0)
}

/** The listen time-out or a guard ended it: a death like any other, but told as what it was. */
function afterFailure(
  instance: Instance,
  died: Died,
  end: RequestedEnd,
  policy: InstancePolicy,
  now: Monotonic,
  uptimeMs: number,
): Step {
  const isLate = end.by === 'listen-timeout'
  const message = end.message ?? `not ready within ${policy.listenTimeoutMs} ms (listen_timeout)`
  const settle: Effect = { type: 'settle', result: isLate ? 'timed-out' : 'failed', message }
  if (end.failFast) {
    return [
      { ...instance, state: { phase: 'errored', message } },
      [died, { type: 'errored', message }, settle],
    ]
  }
  const death: Death = { code: null, signal: null, uptimeMs, wasReady: end.wasReady, random: 0 }
  const [next, effects] = afterDeath(instance, death, policy, now, { failFast: false })
  const told = effects.map((effect) =>
    effect.type === 'died' ? { ...died, restartInMs: effect.restartInMs } : effect,
  )
  return [next, [...told.filter(notSettle), settle]]
}

function notSettle(effect: Effect): boolean {
  return effect.type !== 'settle'
}

function afterDeath(
  instance: Instance,
  death: Death,
  policy: InstancePolicy,
  now: Monotonic,
  how: { failFast: boolean; kind?: 'spawn-failed'; message?: string },
): Step {
  const base = { type: 'died' as const, run: instance.counters.run, wasReady: death.wasReady }
  const died = (restartInMs: number | null): Effect => ({
    ...base,
    restartInMs,
    ...(how.kind === undefined ? {} : { kind: how.kind }),
    ...(how.message === undefined ? {} : { message: how.message }),
  })
  const decision = decideRestart(death, policy, instance.counters)
  const { counters } = decision
  if (decision.action === 'stop') {
    const result = decision.completed ? 'completed' : 'failed'
    return [{ state: { phase: 'stopped' }, counters }, [died(null), { type: 'settle', result }]]
  }
  if (how.failFast) {
    const message = how.message ?? 'died before it was ready'
    return [
      // It was the start itself, and nothing was started again.
      {
        state: { phase: 'errored', message },
        counters: { ...counters, restarts: instance.counters.restarts },
      },
      [died(null), { type: 'errored', message }, { type: 'settle', result: 'failed' }],
    ]
  }
  if (decision.action === 'give-up') {
    const { message } = decision
    return [
      { state: { phase: 'errored', message }, counters },
      [died(null), { type: 'errored', message }, { type: 'settle', result: 'failed' }],
    ]
  }
  const settle: Effect[] = death.wasReady ? [] : [{ type: 'settle', result: 'failed' }]
  if (decision.delayMs === 0) {
    const [started, effects] = spawn({ ...instance, counters }, policy, now, { failFast: false })
    return [started, [died(0), ...settle, ...effects]]
  }
  const { delayMs } = decision
  return [
    { state: { phase: 'backoff', retryAt: plus(now, delayMs), delayMs }, counters },
    [died(delayMs), ...settle],
  ]
}

function giveUp(instance: Instance, message: string): Step {
  return [
    { ...instance, state: { phase: 'errored', message } },
    [
      { type: 'errored', message },
      { type: 'settle', result: 'failed', message },
    ],
  ]
}

/** A command of the user starts the count of quick deaths anew. */
function forgiven(counters: Counters): Counters {
  return { ...counters, unstableRestarts: 0, quickDeaths: 0, backoffMs: 0 }
}

function plus(time: Monotonic, ms: number): Monotonic {
  return (time + ms) as Monotonic
}
