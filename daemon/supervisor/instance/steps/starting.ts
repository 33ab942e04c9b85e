/** Steps of a process that is not ready yet. */

import type { InstanceEvent } from '../state.ts'
import { afterDeath } from './after-end.ts'
import { beginStopping, kill, requestedEnd } from './end-process.ts'
import { becomeReady, listenIsExpected, QUIET_READY_MS } from './start-process.ts'
import { type At, plus, type Starting, type Step, unchanged } from './step.ts'

export function stepStarting(at: At, state: Starting, event: InstanceEvent): Step {
  const { instance, policy, now } = at
  const { failFast } = state
  switch (event.type) {
    case 'loaded':
      if (listenIsExpected(policy)) return unchanged(at)
      return [{ ...instance, state: { ...state, quietReadyAt: plus(now, QUIET_READY_MS) } }, []]
    case 'listening':
      if (policy.waitReady || policy.hasReadinessProbe) return unchanged(at)
      return becomeReady(at, state)
    case 'said-ready':
      return becomeReady(at, state)
    case 'tick':
      return stepTime(at, state)
    case 'stop':
      return beginStopping(at, state, { ...requestedEnd('stop', event), wasReady: false })
    case 'restart':
      return beginStopping(at, state, { ...requestedEnd('restart', event), wasReady: false })
    case 'fail': {
      const end = { ...requestedEnd('fail', event), wasReady: false, failFast }
      return event.kill ? kill(at, state, end) : beginStopping(at, state, end)
    }
    case 'spawn-failed': {
      const death = { code: null, signal: null, uptimeMs: 0, wasReady: false, random: 0 }
      return afterDeath(at, death, { failFast, kind: 'spawn-failed', message: event.message })
    }
    case 'exited': {
      const { code, signal, random } = event
      const uptimeMs = now - state.startedAt
      return afterDeath(at, { code, signal, uptimeMs, wasReady: false, random }, { failFast })
    }
    default:
      return unchanged(at)
  }
}

function stepTime(at: At, state: Starting): Step {
  const { quietReadyAt, deadline, failFast } = state
  if (quietReadyAt !== undefined && at.now >= quietReadyAt) {
    return becomeReady(at, state, 'listens nowhere')
  }
  if (at.now < deadline) return unchanged(at)
  return beginStopping(at, state, { next: 'fail', by: 'listen-timeout', wasReady: false, failFast })
}
