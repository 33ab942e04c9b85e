/** Steps of an instance that has no process: stopped, errored, waiting for its next try. */

import type { InstanceEvent } from '../state.ts'
import { startProcess } from './start-process.ts'
import { type At, type Backoff, forgiven, giveUp, type Step, stopped, unchanged } from './step.ts'

export function stepAtRest(at: At, event: InstanceEvent): Step {
  const counters = forgiven(at.instance.counters)
  switch (event.type) {
    case 'start':
      return startProcess(at, { failFast: event.failFast, counters })
    case 'restart':
      return startProcess(at, { failFast: false, counters })
    case 'stop':
      return stopped(at)
    case 'give-up':
      return giveUp(at, event.message)
    default:
      return unchanged(at)
  }
}

export function stepBackoff(at: At, state: Backoff, event: InstanceEvent): Step {
  if (event.type !== 'tick') return stepAtRest(at, event)
  return at.now < state.retryAt
    ? unchanged(at)
    : startProcess(at, { failFast: false, afterDeath: true })
}
