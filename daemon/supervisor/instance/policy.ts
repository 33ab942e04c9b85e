/** What the machine needs of an app's definition. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { InstancePolicy } from './state.ts'

/** @param listens a generation of the app has listened before */
export function policyOf(spec: AppSpec, listens: boolean): InstancePolicy {
  return {
    autorestart: spec.autorestart,
    restart: spec.restart,
    maxRestarts: spec.maxRestarts,
    minUptimeMs: spec.minUptimeMs,
    restartDelayMs: spec.restartDelayMs,
    expBackoffRestartDelayMs: spec.expBackoffRestartDelayMs,
    stopExitCodes: spec.stopExitCodes,
    killTimeoutMs: spec.killTimeoutMs,
    listenTimeoutMs: spec.listenTimeoutMs,
    waitReady: spec.waitReady,
    hasReadinessProbe: spec.readiness !== undefined || spec.startup !== undefined,
    canDrain: spec.runtime === 'node',
    drainIdleMs: spec.drainIdleMs,
    drainTimeoutMs: spec.drainTimeoutMs,
    listens,
    reportsLoaded: spec.runtime === 'node',
  }
}
