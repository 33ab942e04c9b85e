/** From the options of the command line to the keys of an ecosystem file, so that both are checked by one schema. */

import { LbmError } from '../contract/errors.ts'
import { checkApp, type CheckResult } from './check-app.ts'
import { type Problem, sentenceOf } from './problems.ts'

/** What commander parsed; a flag that was not given is absent. */
export type GivenOptions = Readonly<Record<string, unknown>>

/** Key → option in commander's spelling, where they differ by more than their case. */
const OPTION_OF_KEY: Record<string, string> = {
  out_file: 'output',
  error_file: 'error',
  log_file: 'log',
  pid_file: 'pid',
  cron_restart: 'cron',
  uid: 'user',
}

/** Keys whose values pass as they are. */
const PLAIN_KEYS = [
  'name',
  'namespace',
  'interpreter',
  'cwd',
  'out_file',
  'error_file',
  'log_file',
  'merge_logs',
  'log_type',
  'log_date_format',
  'time',
  'disable_logs',
  'pid_file',
  'env_file',
  'type',
  'overlap',
  'instances',
  'execute_command',
  'source_map_support',
  'disable_source_map_support',
  'max_memory_restart',
  'restart_delay',
  'exp_backoff_restart_delay',
  'max_restarts',
  'min_uptime',
  'kill_timeout',
  'kill_signal',
  'listen_timeout',
  'wait_ready',
  'shutdown_with_message',
  'cron_restart',
  'cron_timezone',
  'ext',
  'restart',
  'uid',
  'gid',
  'readiness',
  'max_surge',
  'spare',
] as const

export function definitionOf(options: GivenOptions): Record<string, unknown> {
  const definition: Record<string, unknown> = {}
  for (const key of PLAIN_KEYS) {
    const value = options[OPTION_OF_KEY[key] ?? camelCase(key)] ?? options[camelCase(key)]
    if (value !== undefined) definition[key] = value
  }
  for (const key of ['autorestart', 'autostart', 'treekill']) {
    // commander sets what `--no-x` switches off to true when it is not given.
    if (options[key] === false) definition[key] = false
  }
  const nodeArgs = options['interpreterArgs'] ?? options['nodeArgs']
  return {
    ...definition,
    ...(nodeArgs === undefined ? {} : { interpreter_args: nodeArgs }),
    ...(options['watch'] === false ? { watch: false } : {}),
    ...listKey('watch', options['watch'] || undefined, (paths) =>
      paths.includes(true) ? true : paths,
    ),
    ...listKey('filter_env', options['filterEnv'], (names) =>
      names.includes(true) ? true : names,
    ),
    ...listKey('ignore_watch', options['ignoreWatch'], (patterns) =>
      patterns.flatMap((pattern) => String(pattern).split(/\s+/)),
    ),
    ...listKey('stop_exit_codes', options['stopExitCodes'], (codes) =>
      codes.flatMap((code) => String(code).split(/[\s,]+/)),
    ),
    ...watchDelay(options['watchDelay']),
    ...balance(options),
    ...slots(options['slots']),
  }
}

function listKey(
  key: string,
  value: unknown,
  read: (list: unknown[]) => unknown,
): Record<string, unknown> {
  if (value === undefined) return {}
  return { [key]: read(Array.isArray(value) ? value : [value]) }
}

/** PM2's: a bare number is seconds on the command line, milliseconds in a file. */
function watchDelay(value: unknown): Record<string, unknown> {
  if (typeof value !== 'string') return {}
  return { watch_delay: /^\d+(\.\d+)?$/.test(value) ? `${value}s` : value }
}

function balance(options: GivenOptions): Record<string, unknown> {
  const { balance: policy, stickyCookie, stickyHeader, stickyQuery } = options
  const sticky = {
    ...(stickyCookie === undefined ? {} : { sticky_cookie: stickyCookie }),
    ...(stickyHeader === undefined ? {} : { sticky_header: stickyHeader }),
    ...(stickyQuery === undefined ? {} : { sticky_query: stickyQuery }),
  }
  const isSticky = Object.keys(sticky).length > 0
  if (policy === undefined && !isSticky) return {}
  return { balance: { policy: policy ?? 'sticky', ...sticky } }
}

/** `--slots`, `--slots 22001`, `--slots /run/app`. */
function slots(value: unknown): Record<string, unknown> {
  if (value === undefined) return {}
  if (typeof value !== 'string') return { slots: true }
  return { slots: value.startsWith('/') ? { dir: value } : { base: value } }
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** Checks them. @throws LbmError USAGE with every problem, each named by its option */
export function checkOptions(definition: Record<string, unknown>): CheckResult {
  const result = checkApp(definition, (key) =>
    key === 'script' ? 'the script' : `--${optionName(key)}`,
  )
  if (result.problems.length > 0) {
    throw new LbmError('USAGE', result.problems.map(atOption).map(sentenceOf).join('\n'))
  }
  return result
}

/** `--balance.policy` is typed as `--balance`. */
function atOption({ place, message }: Problem): Problem {
  return { place: place.replace(/^(--[\w-]+)\..*$/, '$1'), message }
}

function optionName(key: string): string {
  return (OPTION_OF_KEY[key] ?? key).replaceAll('_', '-')
}
