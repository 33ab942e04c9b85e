/** Other spellings of the keys: PM2's aliases and the camelCase of each. */

import { APP_KEYS, type AppKeys } from './app-keys.ts'

/** Alias → key. */
export const ALIASES: Record<string, keyof AppKeys> = {
  exec: 'script',
  cmd: 'script',
  command: 'script',
  exec_interpreter: 'interpreter',
  node_args: 'interpreter_args',
  cron: 'cron_restart',
  out: 'out_file',
  output: 'out_file',
  out_log: 'out_file',
  error: 'error_file',
  err: 'error_file',
  err_file: 'error_file',
  err_log: 'error_file',
  log: 'log_file',
  pid: 'pid_file',
  combine_logs: 'merge_logs',
  user: 'uid',
  run_as: 'uid',
  soak_time: 'soak',
  tz: 'cron_timezone',
}

/** Nested spellings that Kubernetes' users type. */
const NESTED_ALIASES: Record<string, string> = { http_get: 'http', tcp_socket: 'tcp' }

const KEYS = new Set(Object.keys(APP_KEYS))

export function isAppKey(key: string): key is keyof AppKeys {
  return KEYS.has(key)
}

/** `maxMemoryRestart` → `max_memory_restart`; a name in capitals stays. */
function snakeCase(key: string): string {
  return key.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** @returns the key that is meant, or undefined for one that nobody knows */
export function canonicalKey(key: string): keyof AppKeys | undefined {
  for (const spelling of [key, snakeCase(key)]) {
    if (isAppKey(spelling)) return spelling
    if (Object.hasOwn(ALIASES, spelling)) return ALIASES[spelling]
  }
  return undefined
}

/** The same for keys inside `readiness`, `balance` and the like. */
export function canonicalNestedKey(key: string): string {
  const spelling = snakeCase(key)
  return NESTED_ALIASES[spelling] ?? spelling
}

/** Everything that may be written, for "did you mean". */
export function knownSpellings(): string[] {
  return [...KEYS, ...Object.keys(ALIASES)]
}

/** `env_production` → `production`; `env_file` is a key of its own. */
export function environmentName(key: string): string | undefined {
  return key.startsWith('env_') && key !== 'env_file' && key.length > 4 ? key.slice(4) : undefined
}
