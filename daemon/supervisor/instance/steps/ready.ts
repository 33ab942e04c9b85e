/** Steps of a process that is ready. */

import type { InstanceEvent } from '../state.ts'
import { afterDeath } from './after-end.ts'
import { beginDrain, kill, outOfRotation, requestedEnd } from './end-process.ts'
import { type At, type Ready, type Step, unchanged } from './step.ts'

export function stepReady(at: At, state: Ready, event: InstanceEvent): Step {
  const { instance, policy, now } = at
  const { run } = state
  switch (event.type) {
    case 'start':
      return policy.isJob ? unchanged(at) : [instance, [{ type: 'settle', result: 'ready' }]]
    case 'readiness':
      if (policy.isJob || event.ready === state.inRotation) return unchanged(at)
      return [
        { ...instance, state: { ...state, inRotation: event.ready } },
        [{ type: 'rotation', run, inRotation: event.ready }],
      ]
    case 'stop':
      return beginDrain(at, state, requestedEnd('stop', event))
    case 'restart':
      return beginDrain(at, state, requestedEnd('restart', event))
    case 'fail': {
      const end = requestedEnd('fail', event)
      if (!event.kill) return beginDrain(at, state, end)
      const [stopping, effects] = kill(at, state, end)
      return [stopping, [outOfRotation(run), ...effects]]
    }
    case 'exited': {
      const { code, signal, random } = event
      const uptimeMs = now - state.startedAt
      return afterDeath(at, { code, signal, uptimeMs, wasReady: true, random }, { failFast: false })
    }
    // A job is on its way from the first moment on.
    case 'spawn-failed': {
      const death = { code: null, signal: null, uptimeMs: 0, wasReady: false, random: 0 }
      const { message } = event
      return afterDeath(at, death, { failFast: false, kind: 'spawn-failed', message })
    }
    default:
      return unchanged(at)
  }
}
