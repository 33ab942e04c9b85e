/** What each part of a definition is called in a file, and what a change of it takes. */

import type { AppSpec, LogSpec, WatchSpec } from '../../contract/app.ts'

/** `process`: new processes; `in-place`: nothing, it holds from then on; `none`: it is nobody's wish. */
export type Effect = 'process' | 'in-place' | 'none'

interface SpecKey {
  /** The user's, as in APP_KEYS; or a word for what no key says. */
  key: string
  effect: Effect
}

const process = (key: string): SpecKey => ({ key, effect: 'process' })
const inPlace = (key: string): SpecKey => ({ key, effect: 'in-place' })
const none = (key: string): SpecKey => ({ key, effect: 'none' })

/** Compared part by part, or apart from the rest. */
type Composed = 'env' | 'logs' | 'watch' | 'hooks' | 'balance' | 'job' | 'instances' | 'source'

/** A new key of a definition does not compile until it is decided what a change of it takes. */
export const SPEC_KEYS: Record<Exclude<keyof AppSpec, Composed>, SpecKey> = {
  name: process('name'),
  namespace: inPlace('namespace'),
  // Another version is another program, though no key of the file says so.
  version: process('version'),
  username: none('username'),
  script: process('script'),
  realScript: process('release'),
  command: process('script'),
  args: process('args'),
  cwd: process('cwd'),
  realCwd: process('release'),
  interpreter: process('interpreter'),
  interpreterName: process('interpreter'),
  interpreterArgs: process('interpreter_args'),
  runtime: process('interpreter'),
  nodeVersion: process('node version'),
  mode: process('exec_mode'),
  instancesGiven: none('instances'),
  envSources: none('env'),
  envReferences: none('env'),
  instanceVar: process('instance_var'),
  incrementVar: process('increment_var'),
  autostart: inPlace('autostart'),
  autorestart: inPlace('autorestart'),
  restart: inPlace('restart'),
  maxRestarts: inPlace('max_restarts'),
  minUptimeMs: inPlace('min_uptime'),
  restartDelayMs: inPlace('restart_delay'),
  expBackoffRestartDelayMs: inPlace('exp_backoff_restart_delay'),
  stopExitCodes: inPlace('stop_exit_codes'),
  killTimeoutMs: inPlace('kill_timeout'),
  killSignal: process('kill_signal'),
  shutdownWithMessage: process('shutdown_with_message'),
  treekill: process('treekill'),
  listenTimeoutMs: inPlace('listen_timeout'),
  waitReady: process('wait_ready'),
  maxMemoryBytes: process('max_memory_restart'),
  hangTimeoutMs: process('hang_timeout'),
  maxRequests: process('max_requests'),
  maxAgeMs: process('max_age'),
  startup: process('startup'),
  readiness: process('readiness'),
  liveness: process('liveness'),
  maxSurge: inPlace('max_surge'),
  reloadMinUptimeMs: inPlace('reload_min_uptime'),
  soakMs: inPlace('soak'),
  drainIdleMs: inPlace('drain_idle'),
  drainTimeoutMs: inPlace('drain_timeout'),
  spare: inPlace('spare'),
  leader: process('leader'),
  slots: process('slots'),
  proxy: inPlace('proxy'),
  dependsOn: inPlace('depends_on'),
  cronRestart: inPlace('cron_restart'),
  cronTimezone: inPlace('cron_timezone'),
  pidFile: process('pid_file'),
  uid: process('uid'),
  gid: process('gid'),
  raw: none('raw'),
}

export const LOG_KEYS: Record<keyof LogSpec, string> = {
  outFile: 'out_file',
  errorFile: 'error_file',
  combinedFile: 'log_file',
  merge: 'merge_logs',
  dateFormat: 'log_date_format',
  type: 'log_type',
  disabled: 'disable_logs',
  maxSizeBytes: 'log_max_size',
  maxFiles: 'log_max_files',
  rotateIntervalMs: 'log_rotate_interval',
  compress: 'log_compress',
}

export const WATCH_KEYS: Record<keyof WatchSpec, string> = {
  paths: 'watch',
  ignore: 'ignore_watch',
  delayMs: 'watch_delay',
  extensions: 'ext',
  usePolling: 'watch_options',
}

export const HOOK_KEYS: Record<keyof AppSpec['hooks'], string> = {
  onCrash: 'on_crash',
  onReady: 'on_ready',
  onExit: 'on_exit',
}
