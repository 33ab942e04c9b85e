/** From PM2's saved list (`dump.pm2`) or the list of a running PM2 (`jlist`) to definitions as a user would write them. */

import { basename, dirname, join } from 'node:path'

import { LbmError } from '../contract/errors.ts'
import { isRecord } from './kinds.ts'
import { declaredVariables } from './pm2-variables.ts'

export interface ImportedApps {
  apps: Record<string, unknown>[]
  /** What could not be taken over as it was. */
  notes: string[]
}

/** Variables that are as in this shell are the shell's, and no part of the definition. */
export interface ImportContext {
  shell: NodeJS.ProcessEnv
  /** The Node that lbm runs with, which needs no mention. */
  isOwnNode: (path: string) => boolean
}

type Entry = Record<string, unknown>

/** @throws LbmError CONFIG_INVALID for what is no list of PM2's */
export function fromPm2(list: unknown, source: string, context: ImportContext): ImportedApps {
  const entries = entriesOf(list, source)
  const notes: string[] = []
  const modules = entries.filter(({ pmx_module: isModule }) => isModule === true)
  if (modules.length > 0) {
    const names = [...new Set(modules.map(({ name }) => String(name)))].join(', ')
    notes.push(`modules of PM2 are left out: ${names}`)
  }
  const groups = new Map<string, Entry[]>()
  for (const entry of entries.filter((one) => !modules.includes(one))) {
    const { name, namespace, pm_exec_path: script, exec_mode: mode } = entry
    const key = JSON.stringify([name, namespace, script, mode])
    groups.set(key, [...(groups.get(key) ?? []), entry])
  }
  const apps = [...groups.values()].map((group) => definitionOf(group, context))
  return { apps: withOwnNames(apps, notes), notes }
}

function entriesOf(list: unknown, source: string): Entry[] {
  const isList = Array.isArray(list) && list.every(isRecord)
  const entries = isList ? list.map(flat) : []
  if (isList && entries.every((entry) => typeof entry['pm_exec_path'] === 'string')) return entries
  throw new LbmError('CONFIG_INVALID', `${source} is no list of PM2's processes.`, {
    hint: 'it is what "pm2 save" writes to ~/.pm2/dump.pm2, or "pm2 jlist" prints',
  })
}

/** An element of `jlist` has all of it in `pm2_env`; one of the saved list is that itself. */
function flat(item: Record<string, unknown>): Entry {
  return isRecord(item['pm2_env']) ? item['pm2_env'] : item
}

function definitionOf(
  group: readonly Entry[],
  { shell, isOwnNode }: ImportContext,
): Record<string, unknown> {
  const entry = group.toSorted((a, b) => numberOf(a) - numberOf(b))[0] ?? {}
  const isCluster = entry['exec_mode'] === 'cluster_mode'
  const isManned = group.some(({ status }) => status !== 'stopped' && status !== 'errored')
  const env = declaredVariables(entry, shell)
  return withoutUndefined({
    name: entry['name'],
    namespace: entry['namespace'] === 'default' ? undefined : entry['namespace'],
    ...programOf(entry, isOwnNode),
    cwd: entry['pm_cwd'],
    exec_mode: isCluster ? 'cluster' : undefined,
    instances: group.length > 1 || isCluster ? group.length : undefined,
    autostart: isManned ? undefined : false,
    ...policyOf(entry),
    ...logsOf(entry, group.length > 1 || isCluster),
    env: Object.keys(env).length === 0 ? undefined : env,
  })
}

function numberOf(entry: Entry): number {
  return Number(entry[textOf(entry['instance_var'], 'NODE_APP_INSTANCE')] ?? 0)
}

function programOf(entry: Entry, isOwnNode: ImportContext['isOwnNode']): Record<string, unknown> {
  const script = String(entry['pm_exec_path'])
  const args = Array.isArray(entry['args']) ? entry['args'].map(String) : undefined
  const isShell = ['bash', 'sh', 'zsh'].includes(basename(script)) && args?.[0] === '-c'
  if (isShell && args.length === 2 && args[1]?.includes(' ')) return { script: args[1] }
  const nodeArgs = entry['node_args']
  const interpreter = textOf(entry['exec_interpreter'], 'node')
  return {
    script,
    args: args === undefined || args.length === 0 ? undefined : args,
    interpreter: interpreter === 'node' || isOwnNode(interpreter) ? undefined : interpreter,
    node_args: Array.isArray(nodeArgs) && nodeArgs.length > 0 ? nodeArgs : undefined,
  }
}

/** Keys that mean the same to lbm, with the values that PM2 fills in by itself. */
const POLICY_KEYS: Record<string, unknown> = {
  autorestart: true,
  treekill: true,
  watch: false,
  ignore_watch: undefined,
  watch_delay: undefined,
  max_memory_restart: undefined,
  max_restarts: undefined,
  min_uptime: undefined,
  restart_delay: undefined,
  exp_backoff_restart_delay: undefined,
  stop_exit_codes: undefined,
  cron_restart: undefined,
  kill_timeout: undefined,
  listen_timeout: undefined,
  wait_ready: false,
  shutdown_with_message: false,
  instance_var: 'NODE_APP_INSTANCE',
  increment_var: undefined,
  uid: undefined,
  gid: undefined,
}

function policyOf(entry: Entry): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(POLICY_KEYS)
      .filter(([key, usual]) => entry[key] !== usual && !isEmpty(entry[key]))
      .map(([key]) => [key, entry[key]]),
  )
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0)
}

const DATE_FORMAT_OF_TIME = 'YYYY-MM-DDTHH:mm:ss'

function logsOf(entry: Entry, hasOwnFiles: boolean): Record<string, unknown> {
  const { log_date_format: format } = entry
  const isTime = entry['time'] === true || format === DATE_FORMAT_OF_TIME
  return {
    out_file: logFile(entry['pm_out_log_path'], entry, hasOwnFiles),
    error_file: logFile(entry['pm_err_log_path'], entry, hasOwnFiles),
    log_file: logFile(entry['pm_log_path'], entry, hasOwnFiles),
    merge_logs: entry['merge_logs'] === true && hasOwnFiles ? true : undefined,
    time: isTime ? true : undefined,
    log_date_format: isTime ? undefined : format,
    log_type: entry['log_type'] === 'json' ? 'json' : undefined,
    disable_logs: entry['disable_logs'] === true ? true : undefined,
  }
}

/** @returns undefined for a file where PM2 puts it by itself */
function logFile(path: unknown, entry: Entry, hasOwnFiles: boolean): string | undefined {
  if (typeof path !== 'string') return undefined
  if (path === '/dev/null' || basename(path) === 'NULL') return '/dev/null'
  // `<home>/logs`, beside `<home>/pids`.
  const home = dirname(dirname(textOf(entry['pm_pid_path'], '')))
  if (dirname(path) === join(home, 'logs')) return undefined
  // The id that PM2 puts into the name, and lbm will.
  return hasOwnFiles && entry['merge_logs'] !== true ? path.replace(/-\d+\.log$/, '.log') : path
}

/** PM2 may have two apps of one name; a file may not. */
function withOwnNames(
  apps: readonly Record<string, unknown>[],
  notes: string[],
): Record<string, unknown>[] {
  const taken = new Set<string>()
  return apps.map((app) => {
    const name = String(app['name'])
    let own = name
    for (let number = 2; taken.has(own); number += 1) own = `${name}-${number}`
    taken.add(own)
    if (own !== name) notes.push(`a second app called "${name}" is "${own}" now`)
    return { ...app, name: own }
  })
}

function withoutUndefined(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined))
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}
