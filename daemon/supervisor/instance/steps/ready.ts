/** Steps of a process that is ready. */

import type { InstanceEvent } from '../state.ts'
import { afterDeath } from './after-end.ts'
import { beginDrain, kill, outOfRotation, requestedEnd } from './end-process.ts'
import { type At, type Ready, type Step, unchanged } from './step.ts'

export function stepReady(at: At, state: Ready, event: InstanceEvent): Step {
  const { instance, now } = at
  const { run } = state
  switch (event.type) {
    case 'start':
      return [instance, [{ type: 'settle', result: 'ready' }]]
    case 'readiness':
      if (event.ready === state.inRotation) return unchanged(at)
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
    default:
      return unchanged(at)
  }
}
