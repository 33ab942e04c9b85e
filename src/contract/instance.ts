/** What an instance is doing, as users, scripts and the daemon see it. */

import type { Mode } from './app.ts'

/** PM2's words. */
export type Status =
  | 'launching'
  | 'online'
  | 'waiting restart'
  | 'stopping'
  | 'stopped'
  | 'errored'
  | 'one-launch-status'

/** lbm's own, finer. */
export type Phase =
  | 'starting'
  | 'ready'
  | 'unready'
  | 'draining'
  | 'stopping'
  | 'backoff'
  | 'stopped'
  | 'errored'

export const STATUS_OF: Record<Phase, Status> = {
  starting: 'launching',
  ready: 'online',
  unready: 'online',
  draining: 'stopping',
  stopping: 'stopping',
  backoff: 'waiting restart',
  stopped: 'stopped',
  errored: 'errored',
}

/** Phases that must end by themselves: each has a deadline. */
export const TRANSITIONAL_PHASES: readonly Phase[] = ['starting', 'draining', 'stopping', 'backoff']
/** Phases in which a process exists. */
export const ALIVE_PHASES: readonly Phase[] = [
  'starting',
  'ready',
  'unready',
  'draining',
  'stopping',
]

/** Who or what asked for an end. */
export type Requester =
  | 'command'
  | 'watch'
  | 'cron'
  | 'memory'
  | 'hang'
  | 'probe'
  | 'reload'
  | 'scale'
  | 'listen-timeout'
  | 'max-requests'
  | 'max-age'
  | 'shutdown'
  | 'upgrade'
  | 'start-failed'

export type DeathKind =
  | 'exit'
  | 'signal'
  | 'exception'
  | 'rejection'
  | 'heap-oom'
  | 'kernel-oom'
  | 'spawn-failed'
  | 'supervisor-lost'

/** Why a process ended. */
export interface ExitReason {
  kind: DeathKind
  code: number | null
  signal: string | null
  /** Set when lbm ended it. */
  requestedBy?: Requester
  pid: number
  atMs: number
  uptimeMs: number
  wasReady: boolean
  /** One line: the exception's message and place, the spawn error. */
  message?: string
  lastLines: string[]
  /** As last sampled before the end. */
  rssBytes?: number
  loopDelayMs?: number
  generation?: number
  /** What is not as it was when the app last ran well: `script app.js`, `env DATABASE_URL`. Names, never values. */
  changed?: string[]
  /** Absolute path of the diagnostic report that was taken before. */
  report?: string
}

export const MAX_DEATHS = 10

export interface ListeningAt {
  address: string
  /** −1 for a Unix socket. */
  port: number
  /** The system chose the port: the next process may get another one. */
  random?: true
}

/** What the supervisor knows of an instance; it is sent whole at each change. */
export interface InstanceState {
  id: number
  app: string
  number: number
  generation: number
  phase: Phase
  /** While it starts: it is loaded, and counts as ready once it has stayed so. */
  settling?: true
  /** 0 when no process exists. */
  pid: number
  /** Start time of the process as the kernel tells it, with the pid its identity. 0 when unknown. */
  pidStart: number
  startedAt: number
  createdAt: number
  restarts: number
  unstableRestarts: number
  /** Deaths in a row that came before `min_uptime`. */
  quickDeaths: number
  listening: ListeningAt[]
  nodeVersion?: string
  /** Of an app with `leader`: whether this is the one. */
  leader?: boolean
  lastExit?: ExitReason
  /** The last ends of this number, whoever asked for them, newest first; at most `MAX_DEATHS`. */
  deaths?: ExitReason[]
  /** Of an app with `spare`: those that it has, the same for each of its instances. */
  spares?: SpareView[]
  /** Short remarks for `describe`: "listens nowhere", "crash loop: next try in 3 s". */
  notes: string[]
  balance?: InstanceBalance
  /** Registered by @pm2/io-style apps. */
  axmActions: { action_name: string; action_type?: string; arity?: number }[]
  axmMonitor: Record<string, unknown>
}

/** A process that waits to take the number of one that dies. */
export interface SpareView {
  pid: number
  phase: 'starting' | 'ready' | 'ending'
}

export interface InstanceBalance {
  policy: string
  openConnections: number
  accepted: number
  acceptedPerSecond: number
  /** Accepted since somebody last came into the rotation or left it: what shares are compared by. */
  acceptedTogether?: number
  inRotation: boolean
  /** 0–1. */
  loopUtilisation: number
  loopDelayMs: number
}

/** What a table of instances shows: `app.list` says five times as much. */
export type InstanceRow = Pick<
  InstanceView,
  | 'id'
  | 'name'
  | 'namespace'
  | 'version'
  | 'username'
  | 'mode'
  | 'pid'
  | 'startedAt'
  | 'restarts'
  | 'phase'
  | 'cpuPercent'
  | 'memoryBytes'
  | 'watching'
> &
  /** Of what listens. */
  Partial<Pick<InstanceView, 'listening' | 'balance'>>

/** What `list` prints: the supervisor's knowledge and the daemon's. */
export interface InstanceView extends InstanceState {
  name: string
  namespace: string
  version: string
  username: string
  mode: Mode
  cpuPercent: number
  memoryBytes: number
  watching: 'enabled' | 'disabled' | 'suspended'
}
