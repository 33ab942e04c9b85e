/** States, events and effects of one instance: one number of one generation of an app. */

import type { DeathKind, Requester } from '../../../src/contract/instance.ts'
import type { Monotonic } from '../../../src/contract/units.ts'

/** Counts the processes of an instance; an event of an earlier run is dropped. */
export type Run = number

/** What is done once the process is gone. */
export type Next = 'stop' | 'restart' | 'fail'

export type InstanceState =
  | { phase: 'stopped' }
  | { phase: 'errored'; message: string }
  | {
      phase: 'starting'
      run: Run
      startedAt: Monotonic
      /** Not ready by then: failed. */
      deadline: Monotonic
      /** Loaded and alive by then without a listen: ready, where nobody expects it to listen. */
      quietReadyAt?: Monotonic
      /** The start is all or nothing: a death now is final. */
      failFast: boolean
    }
  | { phase: 'ready'; run: Run; startedAt: Monotonic; inRotation: boolean }
  | {
      phase: 'draining'
      run: Run
      startedAt: Monotonic
      deadline: Monotonic
      next: Next
      by: Requester
      failFast: boolean
      /** Why, in a sentence. */
      message?: string
    }
  | {
      phase: 'stopping'
      run: Run
      startedAt: Monotonic
      deadline: Monotonic
      next: Next
      by: Requester
      /** How often SIGKILL was sent. */
      kills: number
      wasReady: boolean
      failFast: boolean
      message?: string
    }
  | { phase: 'backoff'; retryAt: Monotonic; delayMs: number }

/** Outlive a process, and a state. */
export interface Counters {
  run: Run
  /** All restarts, manual ones too. */
  restarts: number
  unstableRestarts: number
  /** Deaths in a row before `min_uptime`. */
  quickDeaths: number
  /** Last delay of `exp_backoff_restart_delay`. */
  backoffMs: number
  everReady: boolean
}

export interface Instance {
  state: InstanceState
  counters: Counters
}

/** What the machine must know of the app; a subset of AppSpec and what was learnt. */
export interface InstancePolicy {
  /** Its command is answered when it has ended, not when it is ready. */
  isJob: boolean
  autorestart: boolean
  restart: 'always' | 'on-failure' | 'never'
  maxRestarts: number | undefined
  minUptimeMs: number
  restartDelayMs: number
  expBackoffRestartDelayMs: number
  stopExitCodes: readonly number[]
  killTimeoutMs: number
  listenTimeoutMs: number
  waitReady: boolean
  /** Ready is what the probe says; a listen or a load is not enough. */
  hasReadinessProbe: boolean
  /** The agent can drain it. */
  canDrain: boolean
  drainIdleMs: number
  drainTimeoutMs: number
  /** A generation of the app has listened before. */
  listens: boolean
  /** A program without the agent says nothing of being loaded. */
  reportsLoaded: boolean
}

export type InstanceEvent =
  | { type: 'start'; failFast: boolean }
  | { type: 'stop'; by: Requester; message?: string }
  | { type: 'restart'; by: Requester }
  /**
   * A guard says that this process must not go on. It is ended, with `kill` at once, and what follows is what
   * follows a death.
   */
  | { type: 'fail'; run: Run; by: Requester; message: string; kill: boolean }
  /** No more tries, whatever the policy: the app's start failed as a whole. */
  | { type: 'give-up'; message: string }
  | { type: 'reset' }
  | { type: 'loaded'; run: Run }
  | { type: 'listening'; run: Run }
  /** `process.send('ready')`, `READY=1`, or the readiness probe's first success. */
  | { type: 'said-ready'; run: Run }
  | { type: 'readiness'; run: Run; ready: boolean }
  | { type: 'drained'; run: Run }
  | { type: 'spawn-failed'; run: Run; message: string }
  | {
      type: 'exited'
      run: Run
      code: number | null
      signal: string | null
      /** 0 ≤ random < 1: jitter of the backoff. */
      random: number
    }
  | { type: 'tick' }

export type Effect =
  /** `afterDeath`: nobody asked for a new process; one that waits for this may take the number. */
  | { type: 'spawn'; run: Run; afterDeath?: true }
  | { type: 'rotation'; run: Run; inRotation: boolean }
  | { type: 'drain'; run: Run; idleMs: number; timeoutMs: number }
  /** The stop signal, or the message that stands for it. */
  | { type: 'stop-signal'; run: Run }
  | { type: 'kill-tree'; run: Run }
  | { type: 'became-ready'; run: Run; note?: string }
  | {
      type: 'died'
      run: Run
      requestedBy?: Requester
      wasReady: boolean
      restartInMs: number | null
      kind?: DeathKind
      message?: string
    }
  | { type: 'errored'; message: string }
  /** Answers whoever waits for a command to come out. */
  | {
      type: 'settle'
      result: 'ready' | 'stopped' | 'completed' | 'failed' | 'timed-out'
      message?: string
    }
