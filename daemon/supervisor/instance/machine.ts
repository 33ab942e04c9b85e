/** The life of one instance: `(state, event) → [state, effects]`. Decides; never acts. A file a state in `steps/`. */

import type { Monotonic } from '../../../src/contract/units.ts'
import type { Counters, Instance, InstanceEvent, InstancePolicy } from './state.ts'
import { stepAtRest, stepBackoff } from './steps/at-rest.ts'
import { stepDraining, stepStopping } from './steps/ending.ts'
import { stepReady } from './steps/ready.ts'
import { stepStarting } from './steps/starting.ts'
import { forgiven, type Step } from './steps/step.ts'

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
  const { state, counters } = instance
  if ('run' in event && event.run !== counters.run) return [instance, []]
  if (event.type === 'reset') {
    return [{ state, counters: { ...forgiven(counters), restarts: 0 } }, []]
  }
  const at = { instance, policy, now }
  switch (state.phase) {
    case 'stopped':
    case 'errored':
      return stepAtRest(at, event)
    case 'starting':
      return stepStarting(at, state, event)
    case 'ready':
      return stepReady(at, state, event)
    case 'draining':
      return stepDraining(at, state, event)
    case 'stopping':
      return stepStopping(at, state, event)
    case 'backoff':
      return stepBackoff(at, state, event)
  }
}
