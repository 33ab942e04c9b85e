/** When an instance has served long enough (`max_requests`, `max_age`). Pure. */

import type { AppSpec } from '../../../src/contract/app.ts'

/** Instances that started together must not end together. */
const JITTER = 0.1

export interface Lifespan {
  requests: number | undefined
  ageMs: number | undefined
}

/** @param random 0 ≤ random < 1: this instance's place in the ±10 % */
export function lifespanOf(
  { maxRequests, maxAgeMs }: Pick<AppSpec, 'maxRequests' | 'maxAgeMs'>,
  random: number,
): Lifespan {
  const factor = 1 + JITTER * (2 * random - 1)
  return {
    requests: scaled(maxRequests, factor),
    ageMs: scaled(maxAgeMs, factor),
  }
}

/** 0 means off, as an empty setting does. */
function scaled(limit: number | undefined, factor: number): number | undefined {
  return limit === undefined || limit <= 0 ? undefined : Math.max(1, Math.round(limit * factor))
}
