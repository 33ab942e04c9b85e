/** How long a supervisor may take for what it was asked: a guard against one that hangs, not a time-out of an app. Pure. */

import type { AppSpec } from '../../src/contract/app.ts'

/** Above all that is planned: spawns on a busy machine, SIGKILL retries, the rest of the output. */
const MARGIN_MS = 30_000
const MAX_MS = 24 * 3600 * 1000

export function startBudgetMs(spec: AppSpec): number {
  // Whoever waits for a job waits for its end.
  if (spec.job !== undefined) return MAX_MS
  return capped(bootMs(spec) + endMs(spec))
}

export function stopBudgetMs(spec: AppSpec): number {
  return capped(endMs(spec))
}

/** One instance after another, at worst. */
export function rolloutBudgetMs(spec: AppSpec, instances: number): number {
  if (spec.job !== undefined) return MAX_MS
  const each = bootMs(spec) + endMs(spec) + spec.reloadMinUptimeMs
  return capped(each * Math.max(1, instances) + spec.soakMs)
}

function bootMs({ listenTimeoutMs, startup }: AppSpec): number {
  const probing =
    startup === undefined
      ? 0
      : startup.initialDelayMs +
        (startup.periodMs + startup.timeoutMs) * Math.max(1, startup.failureThreshold)
  return listenTimeoutMs + probing
}

function endMs({ drainIdleMs, drainTimeoutMs, killTimeoutMs }: AppSpec): number {
  return drainIdleMs + drainTimeoutMs + killTimeoutMs
}

function capped(ms: number): number {
  return Math.min(ms + MARGIN_MS, MAX_MS)
}
