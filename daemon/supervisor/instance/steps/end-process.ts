/** The ends of a process that somebody asked for: drained, signalled, killed. */

import type { Requester } from '../../../../src/contract/instance.ts'
import type { Effect, Next } from '../state.ts'
import { QUIET_READY_MS } from './start-process.ts'
import {
  type At,
  type Draining,
  plus,
  type Ready,
  type RequestedEnd,
  type Running,
  type Step,
  type Stopping,
} from './step.ts'

/** SIGKILL is sent again each of these. */
export const KILL_RETRY_MS = 1000

export function requestedEnd(
  next: Next,
  { by, message }: { by: Requester; message?: string },
): RequestedEnd {
  const end: RequestedEnd = { next, by, wasReady: true, failFast: false }
  return message === undefined ? end : { ...end, message }
}

/** What a process that is ending was asked for. */
export function endOf(
  { next, by, failFast, message }: Draining | Stopping,
  wasReady: boolean,
): RequestedEnd {
  const end: RequestedEnd = { next, by, failFast, wasReady }
  return message === undefined ? end : { ...end, message }
}

/** Balancing stops choosing it first; only then is it asked to finish. */
export function beginDrain(at: At, { run, startedAt }: Ready, end: RequestedEnd): Step {
  const { instance, policy, now } = at
  if (!policy.canDrain) {
    const [stopping, effects] = beginStopping(at, { run, startedAt }, end)
    return [stopping, [outOfRotation(run), ...effects]]
  }
  const { drainIdleMs: idleMs, drainTimeoutMs: timeoutMs } = policy
  const deadline = plus(now, idleMs + timeoutMs + QUIET_READY_MS)
  const { wasReady: _, ...kept } = end
  return [
    { ...instance, state: { phase: 'draining', run, startedAt, deadline, ...kept } },
    [outOfRotation(run), { type: 'drain', run, idleMs, timeoutMs }],
  ]
}

export function beginStopping(
  { instance, policy, now }: At,
  { run, startedAt }: Running,
  end: RequestedEnd,
): Step {
  const deadline = plus(now, policy.killTimeoutMs)
  return [
    { ...instance, state: { phase: 'stopping', run, startedAt, deadline, kills: 0, ...end } },
    [{ type: 'stop-signal', run }],
  ]
}

/** Without asking: it does not answer, or may not live on for so long. */
export function kill(
  { instance, now }: At,
  { run, startedAt }: Running,
  end: RequestedEnd,
  kills = 1,
): Step {
  const deadline = plus(now, KILL_RETRY_MS)
  return [
    { ...instance, state: { phase: 'stopping', run, startedAt, deadline, kills, ...end } },
    [{ type: 'kill-tree', run }],
  ]
}

export function outOfRotation(run: number): Effect {
  return { type: 'rotation', run, inRotation: false }
}
