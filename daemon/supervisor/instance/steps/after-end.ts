/** What follows when a process is gone. */

import { type Death, decideRestart } from '../restart-policy.ts'
import type { Effect } from '../state.ts'
import { startProcess } from './start-process.ts'
import { type At, forgiven, type RequestedEnd, type Running, type Step, stopped } from './step.ts'

type Died = Extract<Effect, { type: 'died' }>

/** Nobody asked for it. */
export function afterDeath(
  at: At,
  death: Death,
  how: { failFast: boolean; kind?: 'spawn-failed'; message?: string },
): Step {
  const { instance, policy } = at
  const died = (restartInMs: number | null): Died => ({
    type: 'died',
    run: instance.counters.run,
    wasReady: death.wasReady,
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
    // It was the start itself, and nothing was started again.
    const { restarts } = instance.counters
    return errored({ ...counters, restarts }, how.message ?? 'died before it was ready', [
      died(null),
    ])
  }
  if (decision.action === 'give-up') return errored(counters, decision.message, [died(null)])
  const settle: Effect[] = death.wasReady ? [] : [{ type: 'settle', result: 'failed' }]
  const { delayMs } = decision
  if (delayMs === 0) {
    const [started, effects] = startProcess(at, { failFast: false, counters, afterDeath: true })
    return [started, [died(0), ...settle, ...effects]]
  }
  const retryAt = (at.now + delayMs) as typeof at.now
  return [{ state: { phase: 'backoff', retryAt, delayMs }, counters }, [died(delayMs), ...settle]]
}

function errored(counters: At['instance']['counters'], message: string, effects: Effect[]): Step {
  return [
    { state: { phase: 'errored', message }, counters },
    [...effects, { type: 'errored', message }, { type: 'settle', result: 'failed' }],
  ]
}

export function afterRequestedEnd(at: At, { startedAt }: Running, end: RequestedEnd): Step {
  const { instance, now } = at
  const died: Died = {
    type: 'died',
    run: instance.counters.run,
    requestedBy: end.by,
    wasReady: end.wasReady,
    restartInMs: end.next === 'restart' ? 0 : null,
    ...(end.message === undefined ? {} : { message: end.message }),
  }
  if (end.next === 'stop') return stopped(at, [died])
  if (end.next === 'fail') return afterFailure(at, died, end, end.wasReady ? now - startedAt : 0)
  const counters = { ...forgiven(instance.counters), restarts: instance.counters.restarts + 1 }
  const [started, effects] = startProcess(at, { failFast: end.failFast, counters })
  return [started, [died, ...effects]]
}

/** The listen time-out or a guard ended it: a death like any other, but told as what it was. */
function afterFailure(at: At, died: Died, end: RequestedEnd, uptimeMs: number): Step {
  const { instance, policy } = at
  const message = end.message ?? `not ready within ${policy.listenTimeoutMs} ms (listen_timeout)`
  const result = end.by === 'listen-timeout' ? 'timed-out' : 'failed'
  const settle: Effect = { type: 'settle', result, message }
  if (end.failFast) {
    const state = { phase: 'errored', message } as const
    return [{ ...instance, state }, [died, { type: 'errored', message }, settle]]
  }
  const death: Death = { code: null, signal: null, uptimeMs, wasReady: end.wasReady, random: 0 }
  const [next, effects] = afterDeath(at, death, { failFast: false })
  const told = effects.map((effect) =>
    effect.type === 'died' ? { ...died, restartInMs: effect.restartInMs } : effect,
  )
  return [next, [...told.filter(({ type }) => type !== 'settle'), settle]]
}
