/** Steps of a process that is draining, or was sent the stop signal. */

import type { Requester } from '../../../../src/contract/instance.ts'
import type { Instance, InstanceEvent } from '../state.ts'
import { afterRequestedEnd } from './after-end.ts'
import { beginStopping, endOf, kill } from './end-process.ts'
import { type At, type Draining, giveUp, type Step, type Stopping, unchanged } from './step.ts'

/** After so many SIGKILLs it is given up. */
const MAX_KILLS = 5

export function stepDraining(at: At, state: Draining, event: InstanceEvent): Step {
  const end = endOf(state, true)
  switch (event.type) {
    case 'drained':
      return beginStopping(at, state, end)
    case 'tick':
      return at.now < state.deadline ? unchanged(at) : beginStopping(at, state, end)
    case 'fail':
      return event.kill ? kill(at, state, end) : unchanged(at)
    case 'exited':
      return afterRequestedEnd(at, state, end)
    default:
      return [withNext(at.instance, state, event), []]
  }
}

export function stepStopping(at: At, state: Stopping, event: InstanceEvent): Step {
  const { kills } = state
  const end = endOf(state, state.wasReady)
  switch (event.type) {
    case 'tick':
      if (at.now < state.deadline) return unchanged(at)
      if (kills >= MAX_KILLS) return giveUp(at, `pid could not be killed after ${kills} SIGKILLs`)
      return kill(at, state, end, kills + 1)
    case 'fail':
      return event.kill && kills === 0 ? kill(at, state, end) : unchanged(at)
    case 'exited':
    case 'spawn-failed':
      return afterRequestedEnd(at, state, end)
    default:
      return [withNext(at.instance, state, event), []]
  }
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
    case 'give-up': {
      const { message } = event
      return { ...instance, state: { ...state, next: 'fail', failFast: true, message } }
    }
    default:
      return instance
  }
}
