/** States, events and effects of the spares of one app. */

import type { Monotonic } from '../../../src/contract/units.ts'

/** Its place in the pool's history; never used again. */
export type SpareId = number

export type SpareState =
  /** Not prepared by then: failed. */
  | { phase: 'starting'; deadline: Monotonic }
  | { phase: 'ready'; since: Monotonic }
  | { phase: 'ending'; deadline: Monotonic; kills: number; failure?: string }

export interface Spare {
  id: SpareId
  state: SpareState
}

export interface Pool {
  lastId: SpareId
  spares: readonly Spare[]
  /** In a row. */
  failures: number
  retryAt?: Monotonic
  /** What the last one ended of, where that was a failure. */
  lastFailure?: string
}

export interface PoolPolicy {
  wanted: number
  /** A start or a reload goes first. */
  mayStart: boolean
  minUptimeMs: number
  startTimeoutMs: number
  killTimeoutMs: number
}

export type PoolEvent =
  /** What is wanted may be something else. */
  | { type: 'changed' }
  /** What there is must not be given any more. */
  | { type: 'renew' }
  | { type: 'prepared'; id: SpareId }
  /** It would not be ready if it were chosen now. */
  | { type: 'unready'; id: SpareId }
  /** A guard says that it must not go on, and with a message that it has failed. */
  | { type: 'fail'; id: SpareId; message?: string; kill: boolean }
  | { type: 'ended'; id: SpareId; message: string }
  /** `except`: those that do not answer at the moment. */
  | { type: 'take'; except: readonly SpareId[] }
  | { type: 'tick' }

export type PoolEffect =
  | { type: 'start'; id: SpareId }
  | { type: 'stop'; id: SpareId }
  | { type: 'kill'; id: SpareId }
  /** It cannot be killed: nobody is to wait for its end. */
  | { type: 'forget'; id: SpareId }
  /** It is not the pool's any more. */
  | { type: 'give'; id: SpareId }
