/** The parts of a definition that are objects of their own. */

import { resolve } from 'node:path'

import type {
  AppSpec,
  BalanceSpec,
  HookSpec,
  LogSpec,
  ProbeSpec,
  WatchSpec,
} from '../contract/app.ts'
import type { CheckedApp } from './schema.ts'
import { defined, DEFAULTS, expandHome } from './spec-defaults.ts'

/** PM2 leaves out whatever begins with a dot, too. */
const DEFAULT_IGNORES = ['node_modules', '.*']

export function balanceSpec(given: CheckedApp['balance']): BalanceSpec {
  return {
    policy: given?.policy ?? 'least-connections',
    weights: given?.weights ?? [],
    ...defined('stickyCookie', given?.sticky_cookie),
    ...defined('stickyHeader', given?.sticky_header),
    ...defined('stickyQuery', given?.sticky_query),
    queueTimeoutMs: given?.queue_timeout ?? DEFAULTS.queueTimeoutMs,
    proxyProtocol: given?.proxy_protocol ?? false,
  }
}

/** Kubernetes' defaults. */
export function probeSpec(given: CheckedApp['readiness']): ProbeSpec | undefined {
  if (given === undefined) return undefined
  const { http, tcp, exec } = given
  return {
    ...(http === undefined
      ? {}
      : {
          http: {
            path: http.path ?? '/',
            ...defined('port', http.port),
            status: http.status ?? [],
            ...defined('scheme', http.scheme),
          },
        }),
    ...(tcp === undefined ? {} : { tcp: defined('port', tcp.port) }),
    ...(exec?.command === undefined ? {} : { exec: { command: exec.command } }),
    initialDelayMs: given.initial_delay_seconds ?? 0,
    periodMs: given.period_seconds ?? 10_000,
    timeoutMs: given.timeout_seconds ?? 1000,
    failureThreshold: given.failure_threshold ?? 3,
    successThreshold: given.success_threshold ?? 1,
  }
}

export function hookSpec(given: CheckedApp['on_crash']): HookSpec | undefined {
  if (given === undefined) return undefined
  return {
    ...defined('command', given.command),
    ...defined('url', given.url),
    timeoutMs: given.timeout ?? DEFAULTS.hookTimeoutMs,
  }
}

export function watchSpec(app: CheckedApp, cwd: string, logs: LogSpec): WatchSpec | undefined {
  const { watch = false, watch_options: options = {} } = app
  if (watch === false) return undefined
  const ownLogs = [logs.outFile, logs.errorFile, logs.combinedFile].filter(
    (file) => typeof file === 'string',
  )
  return {
    paths: watch === true ? [cwd] : watch.map((path) => resolve(cwd, path)),
    ignore: [...(app.ignore_watch ?? DEFAULT_IGNORES), ...ownLogs],
    delayMs: app.watch_delay ?? DEFAULTS.watchDelayMs,
    extensions: app.ext ?? [],
    usePolling: options['usePolling'] === true || options['use_polling'] === true,
  }
}

export function cronKeys({
  cron_restart: cron,
  cron_timezone: zone,
}: CheckedApp): Pick<AppSpec, 'cronRestart' | 'cronTimezone'> {
  if (cron === undefined || cron === '0' || cron === '') return {}
  return { cronRestart: cron, ...defined('cronTimezone', zone) }
}

const DATE_FORMAT_OF_TIME = 'YYYY-MM-DDTHH:mm:ss'
const OFF = '/dev/null'

export function logSpec(app: CheckedApp, cwd: string, env: NodeJS.ProcessEnv): LogSpec {
  const place = (file: string): string =>
    file === 'NULL' || file === OFF ? OFF : resolve(cwd, expandHome(file, env))
  const { log_file: combined } = app
  return {
    ...(app.out_file === undefined ? {} : { outFile: place(app.out_file) }),
    ...(app.error_file === undefined ? {} : { errorFile: place(app.error_file) }),
    ...(combined === undefined || combined === false
      ? {}
      : { combinedFile: combined === true ? true : place(combined) }),
    merge: app.merge_logs ?? false,
    ...defined('dateFormat', app.time === true ? DATE_FORMAT_OF_TIME : app.log_date_format),
    // PM2 knows no other word and takes each for raw.
    type: app.log_type === 'json' ? 'json' : 'raw',
    disabled: app.disable_logs ?? false,
    maxSizeBytes: app.log_max_size ?? DEFAULTS.logMaxSizeBytes,
    maxFiles: app.log_max_files ?? DEFAULTS.logMaxFiles,
    ...defined('rotateIntervalMs', app.log_rotate_interval),
    compress: app.log_compress ?? false,
  }
}
