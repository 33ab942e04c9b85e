/** A new process for the instance, and when it counts as ready. */

import type { Counters, Effect, InstancePolicy } from '../state.ts'
import { type At, plus, type Ready, type Starting, type Step } from './step.ts'

/** Loaded and alive this long without a listen: a program that listens nowhere is ready. */
export const QUIET_READY_MS = 1000

export function startProcess(
  { instance, policy, now }: At,
  {
    failFast,
    counters = instance.counters,
    afterDeath = false,
  }: { failFast: boolean; counters?: Counters; afterDeath?: boolean },
): Step {
  const run = instance.counters.run + 1
  if (policy.isJob) {
    const running: Ready = { phase: 'ready', run, startedAt: now, inRotation: true }
    return [{ state: running, counters: { ...counters, run } }, [{ type: 'spawn', run }]]
  }
  const state: Starting = {
    phase: 'starting',
    run,
    startedAt: now,
    deadline: plus(now, policy.listenTimeoutMs),
    failFast,
  }
  const isQuiet = !policy.reportsLoaded && !listenIsExpected(policy)
  if (isQuiet) state.quietReadyAt = plus(now, QUIET_READY_MS)
  const spawn: Effect = afterDeath ? { type: 'spawn', run, afterDeath } : { type: 'spawn', run }
  return [{ state, counters: { ...counters, run } }, [spawn]]
}

/** Where something stronger than "loaded and alive" was asked for, or is known to come. */
export function listenIsExpected(policy: InstancePolicy): boolean {
  return policy.waitReady || policy.hasReadinessProbe || (policy.listens && policy.reportsLoaded)
}

export function becomeReady({ instance }: At, { run, startedAt }: Starting, note?: string): Step {
  return [
    {
      state: { phase: 'ready', run, startedAt, inRotation: true },
      counters: { ...instance.counters, everReady: true },
    },
    [
      note === undefined ? { type: 'became-ready', run } : { type: 'became-ready', run, note },
      { type: 'rotation', run, inRotation: true },
      { type: 'settle', result: 'ready' },
    ],
  ]
}
