/** Whether and when a process that ended comes back. Pure. */

import type { Counters, InstancePolicy } from './state.ts'

/** PM2's default; it only holds for an app that was never ready, unless the user gave a number. */
const DEFAULT_MAX_RESTARTS = 16
const MAX_DELAY_MS = 15_000
const FIRST_DELAY_MS = 100
/** PM2's EXP_BACKOFF_RESET_TIMER. */
const BACKOFF_RESET_MS = 30_000
/** Share of a delay that is drawn by lot, so that instances which died together do not return together. */
const JITTER = 0.2

export interface Death {
  code: number | null
  signal: string | null
  uptimeMs: number
  wasReady: boolean
  random: number
}

export type RestartDecision =
  | { action: 'restart'; delayMs: number; counters: Counters }
  | { action: 'stop'; completed: boolean; counters: Counters }
  | { action: 'give-up'; message: string; counters: Counters }

/** Decides after a death that nobody asked for. */
export function decideRestart(
  death: Death,
  policy: InstancePolicy,
  before: Counters,
): RestartDecision {
  const quick = death.uptimeMs < policy.minUptimeMs || !death.wasReady
  const counters: Counters = {
    ...before,
    quickDeaths: quick ? before.quickDeaths + 1 : 0,
    unstableRestarts: quick ? before.unstableRestarts + 1 : 0,
    backoffMs: death.uptimeMs >= BACKOFF_RESET_MS ? 0 : before.backoffMs,
  }
  if (mayNotReturn(death, policy)) return { action: 'stop', completed: death.code === 0, counters }
  const limit = policy.maxRestarts ?? (before.everReady ? Infinity : DEFAULT_MAX_RESTARTS)
  if (counters.unstableRestarts >= limit) {
    return {
      action: 'give-up',
      message: `${counters.unstableRestarts} quick deaths in a row (max_restarts: ${limit})`,
      counters: { ...counters, unstableRestarts: 0 },
    }
  }
  const { delayMs, backoffMs } = delayOf(policy, counters, death.random)
  return {
    action: 'restart',
    delayMs,
    counters: { ...counters, backoffMs, restarts: counters.restarts + 1 },
  }
}

function mayNotReturn(death: Death, policy: InstancePolicy): boolean {
  if (!policy.autorestart || policy.restart === 'never') return true
  if (policy.restart === 'on-failure' && death.code === 0) return true
  return death.code !== null && policy.stopExitCodes.includes(death.code)
}

function delayOf(
  policy: InstancePolicy,
  counters: Counters,
  random: number,
): { delayMs: number; backoffMs: number } {
  if (policy.expBackoffRestartDelayMs > 0) {
    const grown =
      counters.backoffMs === 0
        ? policy.expBackoffRestartDelayMs
        : Math.floor(counters.backoffMs * 1.5)
    const backoffMs = Math.min(grown, MAX_DELAY_MS)
    return { delayMs: backoffMs, backoffMs }
  }
  if (policy.restartDelayMs > 0) return { delayMs: policy.restartDelayMs, backoffMs: 0 }
  // The first quick death may be chance: back at once. From the second on, each waits twice as long.
  if (counters.quickDeaths <= 1) return { delayMs: 0, backoffMs: 0 }
  const grown = Math.min(FIRST_DELAY_MS * 2 ** (counters.quickDeaths - 2), MAX_DELAY_MS)
  return { delayMs: Math.round(grown * (1 - JITTER * random)), backoffMs: 0 }
}
