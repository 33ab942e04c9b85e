/** What the machine needs of an app's definition. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { InstancePolicy } from './state.ts'

const MARGIN_MS = 1000

/** @param listens a generation of the app has listened before */
export function policyOf(spec: AppSpec, listens: boolean): InstancePolicy {
  return {
    isJob: spec.job !== undefined,
    autorestart: spec.autorestart,
    restart: spec.restart,
    maxRestarts: spec.maxRestarts,
    minUptimeMs: spec.minUptimeMs,
    restartDelayMs: spec.restartDelayMs,
    expBackoffRestartDelayMs: spec.expBackoffRestartDelayMs,
    stopExitCodes: spec.stopExitCodes,
    killTimeoutMs: spec.killTimeoutMs,
    listenTimeoutMs: Math.max(spec.listenTimeoutMs, startupBudgetMs(spec)),
    waitReady: spec.waitReady,
    hasReadinessProbe: spec.readiness !== undefined || spec.startup !== undefined,
    canDrain: spec.runtime === 'node' && spec.job === undefined,
    drainIdleMs: spec.drainIdleMs,
    drainTimeoutMs: spec.drainTimeoutMs,
    listens,
    reportsLoaded: spec.runtime === 'node',
  }
}

/** Whoever gives a startup probe says with it how long a start may take. */
function startupBudgetMs({ startup }: AppSpec): number {
  if (startup === undefined) return 0
  const { initialDelayMs, periodMs, failureThreshold, timeoutMs } = startup
  // A little more: its own failure says what was wrong.
  return initialDelayMs + periodMs * failureThreshold + timeoutMs + MARGIN_MS
}
