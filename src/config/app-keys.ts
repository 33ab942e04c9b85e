/** Every key that an app may have, under PM2's name where PM2 has it. The docs of the keys become the JSON schema's. */

import { type BalancePolicy, OVERLAPS } from '../contract/app.ts'
import {
  count,
  type Count,
  duration,
  type Duration,
  environment,
  type Environment,
  flag,
  type Flag,
  isRecord,
  isTextList,
  kind,
  type Kind,
  oneOf,
  type OneOf,
  size,
  type Size,
  text,
  type Text,
  texts,
  type Texts,
  wholeNumber,
  word,
  words,
  type Words,
} from './kinds.ts'
import {
  balanceGroup,
  type BalanceKeys,
  dependencies,
  type Dependencies,
  type Group,
  hookGroup,
  type HookKeys,
  port,
  probeGroup,
  type ProbeKeys,
} from './nested-keys.ts'
import { proxyGroup, type ProxyKeys, type SlotKeys, slotsGroup } from './proxy-keys.ts'

/** More would hang the machine before it served anything; a slip of the finger is likelier. */
export const MAX_INSTANCES = 1000

type Anything = Kind<unknown, unknown>

export interface AppKeys {
  /** What to run: a file, a program in PATH, or a command line (with a space in it). Relative to `cwd`. */
  script: Text
  /** Name in lists and commands. Default: the script's name without its extension. */
  name: Text
  /** Group of apps that commands can name together. Default: `default`. */
  namespace: Text
  /** Working directory. Default: where the command was typed. May be a symlink; each start and reload follows it anew. */
  cwd: Text
  /** Arguments of the script. One text is cut at its spaces, quotes respected. */
  args: Words
  /** Program that runs the script, or `none` for a script that is a program itself. Default: by extension. */
  interpreter: Text
  /** Arguments before the script, such as `--max-old-space-size=512`. */
  interpreter_args: Words
  /** `fork`, or `cluster` for instances that share their ports. Default: `cluster` once `instances` is given for a Node program. */
  exec_mode: OneOf<'fork' | 'cluster' | 'fork_mode' | 'cluster_mode'>
  /** `job`: runs to its end and is not started again; with `cron_restart` at the times that it says. Default: `service`. */
  type: OneOf<'service' | 'job'>
  /** Of a job: what becomes of a scheduled run while the one before goes on: `skip` (default), `queue`, or `kill` the one before. */
  overlap: OneOf<'skip' | 'queue' | 'kill'>
  /** How many: a number, `max` (or 0) for one per CPU that may be used, or −1 for one less than that. */
  instances: Kind<number | string, number | 'max'>

  /** Environment variables. A value may refer to others: `"${HOME}/data"`, `"${PORT:-3000}"`. */
  env: Environment
  /** Files of variables, read as `node --env-file` reads them; `env` wins over them. */
  env_file: Texts
  /** Which variables of the calling shell the app does not get: true for all, a name, or a list of parts of names. */
  filter_env: Kind<boolean | string | string[], boolean | string | string[]>
  /** With `--env production`, the app is called `<name>-production`. */
  append_env_to_name: Flag
  /** Sets PORT. */
  port: Count
  /** A variable that each instance gets one higher than the one before. */
  increment_var: Text
  /** The variable that holds the instance's number. Default: `NODE_APP_INSTANCE`. */
  instance_var: Text

  /** false: registered, but not started. */
  autostart: Flag
  /** false: not started again when it ends. */
  autorestart: Flag
  /** `always` (default), `on-failure`: only after an exit code other than 0 or a signal, `never`. */
  restart: OneOf<'always' | 'on-failure' | 'never'>
  /** Deaths before `min_uptime` until the app is given up. Default: no limit for an app that has once been ready. */
  max_restarts: Count
  /** A run shorter than this counts as unstable. Default: 1000. */
  min_uptime: Duration
  /** Fixed time between death and restart. */
  restart_delay: Duration
  /** First delay of a growing one (× 1.5 up to 15 s). */
  exp_backoff_restart_delay: Duration
  /** Exit codes after which the app is not started again. */
  stop_exit_codes: Kind<number | string | (number | string)[], number[]>

  /** Time between the stop signal and SIGKILL. Default: 10 s. */
  kill_timeout: Duration
  /** The stop signal. Default: SIGINT. */
  kill_signal: Text
  /** Send the message `shutdown` in place of the stop signal. */
  shutdown_with_message: Flag
  /** false: only the main process gets the signals, not its children. */
  treekill: Flag
  /** Time an instance has to become ready. Default: 30 s. */
  listen_timeout: Duration
  /** Ready only once the app has called `process.send('ready')`. */
  wait_ready: Flag

  /** Memory at which an instance is replaced, such as `200M`. */
  max_memory_restart: Size
  /** Time without a sign of life from a busy event loop after which an instance is replaced; 0 switches it off. Default: 15 s. */
  hang_timeout: Duration
  /** Requests after which an instance is replaced. */
  max_requests: Count
  /** Age at which an instance is replaced. */
  max_age: Duration
  /** Probe that must succeed once before the others begin. */
  startup: Group<ProbeKeys, string>
  /** Probe that tells whether an instance may get requests. */
  readiness: Group<ProbeKeys, string>
  /** Probe that, when it fails, has the instance replaced. */
  liveness: Group<ProbeKeys, string>

  /** How connections are given to instances: a policy, or an object with the policy's settings. Default: `least-connections`. */
  balance: Group<BalanceKeys, BalancePolicy>
  /** How many new instances a reload starts at once beside the old ones. Default: 1. */
  max_surge: Count
  /** Time a new instance must live after it became ready before an old one goes. Default: 1 s. */
  reload_min_uptime: Duration
  /** Time the last old generation is kept in reserve after a reload. */
  soak: Duration
  /** Time after which idle keep-alive connections of a leaving instance are closed. Default: 5 s. */
  drain_idle: Duration
  /** Time that requests and WebSockets in flight have. Default: 30 s. */
  drain_timeout: Duration
  /** Preloaded instances that wait to replace one that dies. */
  spare: Count
  /** Exactly one instance is told to be the leader. */
  leader: Flag
  /** Apps that must be there first. */
  depends_on: Dependencies
  /** A stable address an instance number, for a reverse proxy in front: true, or an object. */
  slots: Group<SlotKeys, boolean>
  /** Options of the configuration that `lbm proxy` writes for nginx or HAProxy. */
  proxy: Group<ProxyKeys>

  /** Restart when files change: true for all below `cwd`, or paths. */
  watch: Kind<boolean | string | string[], boolean | string[]>
  /** What not to watch: paths, globs or regular expressions. Replaces the default. */
  ignore_watch: Texts
  /** Quiet time after a change before the restart. */
  watch_delay: Duration
  /** Only files with these extensions are watched. */
  ext: Kind<string | string[], string[]>
  /** `usePolling` for file systems that do not tell of changes; what else PM2 users write here is accepted. */
  watch_options: Kind<Record<string, unknown>, Record<string, unknown>>
  /** Times to restart at, or to run a job at, as cron writes them; 5 fields, or 6 with seconds first. 0 removes it. */
  cron_restart: Kind<string | number, string>
  /** Time zone of `cron_restart`, such as `Europe/Berlin`. Default: the system's. */
  cron_timezone: Text

  /** File for standard output; `/dev/null` for none. */
  out_file: Text
  /** File for standard error; `/dev/null` for none. */
  error_file: Text
  /** File for both; true for the default name. */
  log_file: Kind<boolean | string, boolean | string>
  /** File for the pid; the id is added to its name. */
  pid_file: Text
  /** Instances write to the same files. */
  merge_logs: Flag
  /** Date before each line, in day.js' tokens. */
  log_date_format: Text
  /** Same as `log_date_format: "YYYY-MM-DDTHH:mm:ss"`. */
  time: Flag
  /** `json`: one JSON record a line. */
  log_type: Text
  /** Keep no output. */
  disable_logs: Flag
  /** Size at which a log file is rotated. Default: 10M. */
  log_max_size: Size
  /** How many rotated files are kept. Default: 10. */
  log_max_files: Count
  /** Also rotate this often, such as `1d`. */
  log_rotate_interval: Duration
  /** Compress rotated files. */
  log_compress: Flag

  /** User to run as: name or number. Only for root. */
  uid: Kind<string | number, string | number>
  /** Group to run as: name or number. Only for root. */
  gid: Kind<string | number, string | number>
  /** Command or URL told of each crash. */
  on_crash: Group<HookKeys, string | string[]>
  /** Command or URL told when an instance is ready. */
  on_ready: Group<HookKeys, string | string[]>
  /** Command or URL told of each exit. */
  on_exit: Group<HookKeys, string | string[]>

  /** Put before the name, with a colon. */
  name_prefix: Text
  /** Stack traces in terms of the sources: Node's `--enable-source-maps`. Default: false, as under `node`. */
  source_map_support: Flag
  /** Wins over `source_map_support`. */
  disable_source_map_support: Flag
  /** Accepted for PM2's sake; the value says nothing to lbm. */
  kill_retry_time: Anything
  force: Anything
  vizion: Anything
  pmx: Anything
  automation: Anything
  trace: Anything
  v8: Anything
  event_loop_inspector: Anything
  deep_monitoring: Anything
  io: Anything
  post_update: Anything
  install_url: Anything
  windowsHide: Anything
  username: Anything
  write: Anything
  /** Fork mode, whatever is run. */
  execute_command: Flag
  km_link: Anything
  disable_trace: Anything
}

const anything = (): Anything => kind('anything', {}, (value) => value ?? null)

export const APP_KEYS: AppKeys = {
  script: text('a file, a program or a command line'),
  name: word(),
  namespace: word(),
  cwd: text('a folder'),
  args: words(),
  interpreter: text('a program such as "python3", or "none"'),
  interpreter_args: words(),
  exec_mode: oneOf(['fork', 'cluster', 'fork_mode', 'cluster_mode']),
  type: oneOf(['service', 'job']),
  overlap: oneOf(OVERLAPS),
  instances: instances(),

  env: environment(),
  env_file: texts('a file, or a list of files'),
  filter_env: filterEnv(),
  append_env_to_name: flag(),
  port: port(),
  increment_var: text('the name of a variable'),
  instance_var: text('the name of a variable'),

  autostart: flag(),
  autorestart: flag(),
  restart: oneOf(['always', 'on-failure', 'never']),
  max_restarts: count(),
  min_uptime: duration(),
  restart_delay: duration(),
  exp_backoff_restart_delay: duration(),
  stop_exit_codes: exitCodes(),

  kill_timeout: duration(),
  kill_signal: kind(
    'a signal such as "SIGTERM"',
    { type: 'string', pattern: '^SIG[A-Z0-9]+$' },
    (value) => (typeof value === 'string' && /^SIG[A-Z0-9]+$/.test(value) ? value : undefined),
  ),
  shutdown_with_message: flag(),
  treekill: flag(),
  listen_timeout: duration(),
  wait_ready: flag(),

  max_memory_restart: size(),
  hang_timeout: duration(),
  max_requests: count({ min: 1 }),
  max_age: duration(),
  startup: probeGroup(),
  readiness: probeGroup(),
  liveness: probeGroup(),

  balance: balanceGroup(),
  max_surge: count({ min: 1 }),
  reload_min_uptime: duration(),
  soak: duration(),
  drain_idle: duration(),
  drain_timeout: duration(),
  spare: count({ max: 100 }),
  leader: flag(),
  depends_on: dependencies(),
  slots: slotsGroup(),
  proxy: proxyGroup(),

  watch: watch(),
  ignore_watch: texts('a path or pattern, or a list of them'),
  watch_delay: duration(),
  ext: extensions(),
  watch_options: kind('an object', { type: 'object' }, (value) =>
    isRecord(value) ? value : undefined,
  ),
  cron_restart: kind(
    'a cron pattern such as "0 3 * * *", or 0',
    { type: ['string', 'integer'] },
    (value) => (typeof value === 'string' || value === 0 ? String(value) : undefined),
  ),
  cron_timezone: text('a time zone such as "Europe/Berlin"'),

  out_file: text('a file'),
  error_file: text('a file'),
  log_file: kind('a file, or true', { type: ['string', 'boolean'] }, (value) =>
    typeof value === 'boolean' || (typeof value === 'string' && value !== '') ? value : undefined,
  ),
  pid_file: text('a file'),
  merge_logs: flag(),
  log_date_format: text('a date format such as "YYYY-MM-DD HH:mm:ss"'),
  time: flag(),
  log_type: text('"json" or "raw"'),
  disable_logs: flag(),
  log_max_size: size(),
  log_max_files: count(),
  log_rotate_interval: duration(),
  log_compress: flag(),

  uid: account('user'),
  gid: account('group'),
  on_crash: hookGroup(),
  on_ready: hookGroup(),
  on_exit: hookGroup(),

  name_prefix: text(),
  source_map_support: flag(),
  disable_source_map_support: flag(),
  kill_retry_time: anything(),
  force: anything(),
  vizion: anything(),
  pmx: anything(),
  automation: anything(),
  trace: anything(),
  v8: anything(),
  event_loop_inspector: anything(),
  deep_monitoring: anything(),
  io: anything(),
  post_update: anything(),
  install_url: anything(),
  windowsHide: anything(),
  username: anything(),
  write: anything(),
  execute_command: flag(),
  km_link: anything(),
  disable_trace: anything(),
}

function instances(): AppKeys['instances'] {
  return kind(
    `a whole number up to ${MAX_INSTANCES}, or "max"`,
    { type: ['integer', 'string'] },
    (value) => {
      if (value === 'max') return value
      const number = wholeNumber(value)
      return number !== undefined && Math.abs(number) <= MAX_INSTANCES ? number : undefined
    },
  )
}

function filterEnv(): AppKeys['filter_env'] {
  const json = {
    anyOf: [{ type: ['boolean', 'string'] }, { type: 'array', items: { type: 'string' } }],
  }
  return kind('true, the name of a variable, or a list of parts of names', json, (value) =>
    typeof value === 'boolean' || typeof value === 'string' || isTextList(value)
      ? value
      : undefined,
  )
}

function exitCodes(): AppKeys['stop_exit_codes'] {
  const json = {
    anyOf: [
      { type: ['integer', 'string'] },
      { type: 'array', items: { type: ['integer', 'string'] } },
    ],
  }
  return kind('an exit code, or a list of them', json, (value) => {
    const list: unknown[] = Array.isArray(value)
      ? value
      : typeof value === 'string'
        ? value.split(/[\s,]+/)
        : [value]
    const codes = list.map(wholeNumber)
    return codes.every((code) => code !== undefined && code >= 0 && code <= 255)
      ? (codes as number[])
      : undefined
  })
}

function watch(): AppKeys['watch'] {
  const json = {
    anyOf: [{ type: ['boolean', 'string'] }, { type: 'array', items: { type: 'string' } }],
  }
  return kind('true, false, a path or a list of paths', json, (value) => {
    if (typeof value === 'boolean') return value
    if (typeof value === 'string' && value !== '') return [value]
    // PM2 takes the empty list for "everything".
    return isTextList(value) ? (value.length === 0 ? true : value) : undefined
  })
}

function extensions(): AppKeys['ext'] {
  const json = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }
  return kind('extensions such as "js,json"', json, (value) => {
    const list = typeof value === 'string' ? value.split(/[\s,]+/) : value
    return isTextList(list)
      ? list.filter((item) => item !== '').map((item) => item.replace(/^\./, ''))
      : undefined
  })
}

function account(what: string): Kind<string | number, string | number> {
  return kind(`the name or the number of a ${what}`, { type: ['string', 'integer'] }, (value) => {
    if (typeof value === 'string' && value !== '') return wholeNumber(value) ?? value
    return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : undefined
  })
}
