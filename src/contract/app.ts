/** What an app is: validated, defaults filled in, every path absolute. Made by `config/`, stored by the daemon. */

import type { ProxyOptions, SlotsSpec } from './proxy.ts'

export type Mode = 'fork' | 'cluster'

export const BALANCE_POLICIES = [
  'least-connections',
  'round-robin',
  'random-2',
  'ip-hash',
  'weighted',
  'sticky',
  'kernel',
  'reuseport',
] as const

export type BalancePolicy = (typeof BALANCE_POLICIES)[number]

export interface BalanceSpec {
  policy: BalancePolicy
  /** `weighted`: weight per instance number; a missing one counts 1. */
  weights: number[]
  /** `sticky`: looked at in this order; none given: cookie `io`, query `sid` (Socket.IO's). */
  stickyCookie?: string
  stickyHeader?: string
  stickyQuery?: string
  /** How long a connection may wait for an instance that can take it. */
  queueTimeoutMs: number
  /** Read PROXY protocol v1/v2 at the start of each connection. */
  proxyProtocol: boolean
}

/** Kubernetes' field names and defaults, in lbm's units. */
export interface ProbeSpec {
  /** No `status`: 200 to 399. `scheme`: http; a certificate is not checked. */
  http?: { path: string; port?: number; status: number[]; scheme?: 'http' | 'https' }
  tcp?: { port?: number }
  exec?: { command: string[] }
  initialDelayMs: number
  periodMs: number
  timeoutMs: number
  failureThreshold: number
  successThreshold: number
}

/** What a hook runs: a command (argv, no shell) or a URL that gets the record as a POST. */
export interface HookSpec {
  command?: string[]
  url?: string
  timeoutMs: number
}

/** Where a value of the environment is read again, in place of being stored. */
export interface EnvReference {
  /** As it was written: `postgres://app:${DB_PASSWORD}@db`; `${NAME}` for a value that a file or the shell gave as it is. */
  template: string
  /** Variables of the shell that it took. None: the files alone give it. */
  shell: string[]
}

export interface EnvReferences {
  /** Absolute paths; later ones win. */
  files: string[]
  values: Record<string, EnvReference>
}

export const OVERLAPS = ['skip', 'queue', 'kill'] as const

export interface JobSpec {
  /** What becomes of a scheduled run while the one before goes on. */
  overlap: (typeof OVERLAPS)[number]
}

export type RestartPolicy = 'always' | 'on-failure' | 'never'

export interface AppSpec {
  name: string
  namespace: string
  /** `version` of the nearest package.json, or `N/A`. */
  version: string
  /** Who asked for it, for the list. */
  username: string

  /** Absolute path of the file that runs, or of the shell when `command` is there. */
  script: string
  /** The same with its links followed, where that is another path: the release that one like `current` led to. */
  realScript?: string
  /** The command line as the user typed it, when it runs through the shell. */
  command?: string
  args: string[]
  /** As given. May be a symlink; it is resolved anew at each start and reload. */
  cwd: string
  /** Where its links led when the definition was read, where that is another path. */
  realCwd?: string
  /** Absolute path of the program that runs `script`; undefined when `script` is executed itself. */
  interpreter?: string
  /** As the user or the extension named it: `node`, `python3`, `none`. */
  interpreterName: string
  interpreterArgs: string[]
  /** A Node program gets the agent. */
  runtime: 'node' | 'other'
  /** Version of the interpreter when it is Node, e.g. `20.20.2`. */
  nodeVersion?: string

  /** Set for what runs to its end and is not started again. */
  job?: JobSpec
  mode: Mode
  instances: number
  /** True when the user gave a count; log file names depend on it, as in PM2. */
  instancesGiven: boolean

  /** Complete environment of an instance, but for what is set per instance. */
  env: Record<string, string>
  /** Where each value of `env` came from: `shell`, `env`, `env_production`, `env_file:.env`. */
  envSources: Record<string, string>
  /** Where values are read again that the state file does not keep; a stored definition may lack them in `env`. */
  envReferences?: EnvReferences
  instanceVar: string
  incrementVar?: string

  autostart: boolean
  autorestart: boolean
  restart: RestartPolicy
  /** Unstable restarts before `errored`; undefined: the default, which only holds for an app that was never ready. */
  maxRestarts?: number
  minUptimeMs: number
  restartDelayMs: number
  expBackoffRestartDelayMs: number
  stopExitCodes: number[]

  killTimeoutMs: number
  killSignal: string
  shutdownWithMessage: boolean
  treekill: boolean
  listenTimeoutMs: number
  waitReady: boolean

  maxMemoryBytes?: number
  hangTimeoutMs: number
  maxRequests?: number
  maxAgeMs?: number
  startup?: ProbeSpec
  readiness?: ProbeSpec
  liveness?: ProbeSpec

  balance: BalanceSpec
  maxSurge: number
  /** A new instance must live this long after it became ready before an old one is drained. */
  reloadMinUptimeMs: number
  soakMs: number
  /** Idle keep-alive connections close this long after the drain began; longer than clients think. */
  drainIdleMs: number
  /** Requests and WebSockets in flight may take this long. */
  drainTimeoutMs: number
  /** Preloaded instances that wait to take a dead one's number. */
  spare: number
  leader: boolean
  /** A stable listening address an instance number, beside the app's own. */
  slots?: SlotsSpec
  /** What the configuration of a reverse proxy in front says of this app. */
  proxy?: ProxyOptions
  dependsOn: Record<string, 'started' | 'ready' | 'completed'>

  watch: WatchSpec | undefined
  cronRestart?: string
  cronTimezone?: string

  logs: LogSpec
  pidFile?: string
  /** uid and gid of the instances; set only when the daemon runs as root. */
  uid?: number
  gid?: number
  hooks: { onCrash?: HookSpec; onReady?: HookSpec; onExit?: HookSpec }

  /** The file that defined it (its absolute path, or `stdin`) and the app's place in it, where there is one. */
  source?: { file: string; index: number }
  /** The user's keys as written, for `jlist`, `plan` and PM2's `pm2_env`. */
  raw: Record<string, unknown>
}

export interface WatchSpec {
  paths: string[]
  /** Globs, paths or `/regex/` sources; the defaults are part of it unless the user replaced them. */
  ignore: string[]
  delayMs: number
  extensions: string[]
  usePolling: boolean
}

export interface LogSpec {
  /** Absolute, or undefined for the default under the home; `/dev/null` switches the stream off. */
  outFile?: string
  errorFile?: string
  /** Combined log: a path, or true for the default name. */
  combinedFile?: string | true
  merge: boolean
  dateFormat?: string
  /** `prefixed`: with the id and the app's name before it; `pairs`: as `key=value`. */
  type: 'raw' | 'json' | 'prefixed' | 'pairs'
  disabled: boolean
  maxSizeBytes: number
  maxFiles: number
  rotateIntervalMs?: number
  compress: boolean
}

/** An app as the daemon stores it: its definition and which instances there are. */
export interface AppRecord {
  /** Unique in a home: the name, or `name~2` for a forced duplicate. */
  key: string
  spec: AppSpec
  /** The definition that ran before this one, for `reload --rollback`. */
  previous?: AppSpec
  slots: SlotRecord[]
  /** True once a generation of the app has listened: a later one that does not has failed. */
  listens: boolean
  /** First port of its slots, where the app left the choice to the daemon. */
  slotBase?: number
  createdAt: number
  /** The last ends of a job, newest first; at most `MAX_RUNS`. */
  runs?: RunRecord[]
}

export const MAX_RUNS = 20

/** One process of a job, from its start to its end. */
export interface RunRecord {
  id: number
  number: number
  pid: number
  startedAtMs: number
  durationMs: number
  code: number | null
  signal: string | null
  result: 'completed' | 'failed' | 'stopped'
  /** Why it failed, where that is known. */
  message?: string
}

/** It runs at the times of its schedule, and between them it is at rest. */
export function isScheduledJob({ job, cronRestart }: AppSpec): boolean {
  return job !== undefined && cronRestart !== undefined
}

export interface SlotRecord {
  /** PM2's pm_id. */
  id: number
  /** 0 … N−1; kept by a replacement. */
  number: number
  /** Of a job with a schedule: whether the schedule holds. */
  desired: 'running' | 'stopped'
}
