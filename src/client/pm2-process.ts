/** One instance in the shape that PM2's `jlist` has and scripts read. */

import type { AppRecord, AppSpec } from '../contract/app.ts'
import type { HomePaths } from '../contract/home.ts'
import { type InstanceView, type Status, STATUS_OF } from '../contract/instance.ts'
import { logFilesOf, pidFileOf } from '../contract/log-files.ts'
import { maskEnv } from '../contract/mask.ts'
import { slotOf, slotText } from '../contract/slot-address.ts'

export interface Pm2Process {
  pid: number
  name: string
  pm2_env: Record<string, unknown>
  pm_id: number
  monit: { memory: number; cpu: number }
}

export interface Pm2ProcessOptions {
  home: HomePaths
  /** False: values of secret-looking variables are masked. */
  reveal: boolean
  nextRunMs?: number | undefined
  evenness?: number | undefined
}

export function toPm2Process(
  record: AppRecord,
  view: InstanceView,
  { home, reveal, nextRunMs, evenness }: Pm2ProcessOptions,
): Pm2Process {
  const status = STATUS_OF[view.phase]
  const isOnline = status === 'online'
  return {
    pid: view.pid,
    name: view.name,
    pm2_env: {
      ...pm2Env(record, view, status, home, reveal),
      lbm: ownFacts(record, view, { nextRunMs, evenness }),
    },
    pm_id: view.id,
    monit: {
      memory: isOnline ? view.memoryBytes : 0,
      cpu: isOnline ? Math.round(view.cpuPercent * 10) / 10 : 0,
    },
  }
}

function pm2Env(
  { spec }: AppRecord,
  view: InstanceView,
  status: Status,
  home: HomePaths,
  reveal: boolean,
): Record<string, unknown> {
  const env = reveal ? spec.env : maskEnv(spec.env)
  const logs = logFilesOf(spec, home.logsDir, view.id)
  return {
    // PM2 copies the environment to this level; the facts below win over a variable of the same name.
    ...env,
    ...policyOf(spec),
    name: view.name,
    namespace: view.namespace,
    pm_id: view.id,
    username: view.username,
    version: view.version,
    instances: spec.instances,
    [spec.instanceVar]: view.number,
    status,
    pm_uptime: view.startedAt,
    created_at: view.createdAt,
    restart_time: view.restarts,
    unstable_restarts: view.unstableRestarts,
    ...(view.lastExit === undefined ? {} : { exit_code: view.lastExit.code ?? 0 }),
    pm_exec_path: spec.script,
    pm_cwd: spec.cwd,
    exec_interpreter: spec.interpreterName,
    exec_mode: `${spec.mode}_mode`,
    ...(spec.args.length > 0 ? { args: spec.args } : {}),
    node_args: spec.interpreterArgs,
    ...(nodeVersionOf(spec, view) === undefined ? {} : { node_version: nodeVersionOf(spec, view) }),
    pm_out_log_path: logs.out,
    pm_err_log_path: logs.error,
    ...(logs.combined === undefined ? {} : { pm_log_path: logs.combined }),
    pm_pid_path: pidFileOf(spec, home.pidsDir, view.id),
    axm_actions: view.axmActions,
    axm_monitor: view.axmMonitor,
    axm_options: {},
    axm_dynamic: {},
    env,
  }
}

function nodeVersionOf(spec: AppSpec, view: InstanceView): string | undefined {
  return view.nodeVersion ?? spec.nodeVersion
}

/** Keys that say nothing here and that scripts may read back, with PM2's defaults. */
const KEPT_FOR_PM2: Record<string, unknown> = {
  vizion: true,
  pmx: true,
  automation: true,
  windowsHide: true,
  km_link: false,
  kill_retry_time: 100,
  trace: undefined,
  v8: undefined,
  event_loop_inspector: undefined,
  deep_monitoring: undefined,
  io: undefined,
  post_update: undefined,
  install_url: undefined,
  source_map_support: undefined,
  disable_source_map_support: undefined,
}

function keptForPm2({ raw }: AppSpec): Record<string, unknown> {
  const kept = Object.entries(KEPT_FOR_PM2).map(([key, usual]) => [key, raw[key] ?? usual] as const)
  return Object.fromEntries(kept.filter(([, value]) => value !== undefined))
}

function policyOf(spec: AppSpec): Record<string, unknown> {
  const { watch, logs } = spec
  return {
    ...keptForPm2(spec),
    autostart: spec.autostart,
    autorestart: spec.autorestart,
    watch: watch === undefined ? false : watch.paths,
    ...(watch === undefined ? {} : { ignore_watch: watch.ignore, watch_delay: watch.delayMs }),
    ...(spec.maxMemoryBytes === undefined ? {} : { max_memory_restart: spec.maxMemoryBytes }),
    ...(spec.maxRestarts === undefined ? {} : { max_restarts: spec.maxRestarts }),
    min_uptime: spec.minUptimeMs,
    restart_delay: spec.restartDelayMs,
    exp_backoff_restart_delay: spec.expBackoffRestartDelayMs,
    stop_exit_codes: spec.stopExitCodes,
    ...(spec.cronRestart === undefined ? {} : { cron_restart: spec.cronRestart }),
    kill_timeout: spec.killTimeoutMs,
    listen_timeout: spec.listenTimeoutMs,
    wait_ready: spec.waitReady,
    shutdown_with_message: spec.shutdownWithMessage,
    treekill: spec.treekill,
    merge_logs: logs.merge,
    ...(logs.dateFormat === undefined ? {} : { log_date_format: logs.dateFormat }),
    log_type: logs.type,
    disable_logs: logs.disabled,
    instance_var: spec.instanceVar,
    ...(spec.incrementVar === undefined ? {} : { increment_var: spec.incrementVar }),
  }
}

/** What PM2 has no field for. */
function ownFacts(
  record: AppRecord,
  view: InstanceView,
  { nextRunMs, evenness }: Pick<Pm2ProcessOptions, 'nextRunMs' | 'evenness'>,
): Record<string, unknown> {
  const { key, spec, runs = [] } = record
  const slot = slotOf(record, view.number)
  return {
    app: key,
    number: view.number,
    generation: view.generation,
    phase: view.phase,
    watching: view.watching,
    ...(view.leader === undefined ? {} : { leader: view.leader }),
    ...(view.spares === undefined ? {} : { spares: view.spares }),
    listening: view.listening,
    quick_deaths: view.quickDeaths,
    notes: view.notes,
    ...(view.lastExit === undefined ? {} : { last_exit: view.lastExit }),
    ...(view.balance === undefined
      ? {}
      : { balance: { ...view.balance, ...(evenness === undefined ? {} : { evenness }) } }),
    ...(slot === undefined ? {} : { slot: slotText(slot) }),
    ...(nextRunMs === undefined ? {} : { next_run: nextRunMs }),
    ...(spec.job === undefined
      ? {}
      : { job: { ...spec.job, runs: runs.filter(({ id }) => id === view.id) } }),
  }
}
