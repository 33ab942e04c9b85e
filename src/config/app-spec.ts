/** From checked keys to a whole definition: defaults filled in, every path absolute. */

import { realpathSync } from 'node:fs'
import { userInfo } from 'node:os'
import { dirname, resolve } from 'node:path'

import type { AppSpec, JobSpec, Mode } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'
import { reusePortProblem } from '../contract/reuse-port.ts'
import { resolveRunAs } from './accounts.ts'
import { appName } from './app-name.ts'
import { checkSpare } from './check-spare.ts'
import { cpuCount, resolveInstances } from './cpu-count.ts'
import { buildEnvironment } from './environment.ts'
import { packageVersion } from './package-version.ts'
import { proxyOptions, slotsSpec } from './proxy-spec.ts'
import { type ResolvedScript, resolveScript } from './resolve-script.ts'
import type { CheckedApp } from './schema.ts'
import { defined, DEFAULTS, expandHome } from './spec-defaults.ts'
import { balanceSpec, cronKeys, hookSpec, logSpec, probeSpec, watchSpec } from './spec-groups.ts'

export interface SpecContext {
  /** Where the command was typed. */
  cwd: string
  env: NodeJS.ProcessEnv
  /** `--env`. */
  environmentName?: string | undefined
  /** The file that defined it and the app's place in it. */
  source?: { file: string; index: number } | undefined
  /** The user's keys as written. */
  raw: Record<string, unknown>
  /** For tests. */
  cpus?: (() => number) | undefined
}

export interface SpecResult {
  spec: AppSpec
  warnings: string[]
}

/** @throws LbmError for what the world lacks: a script, an interpreter, a folder, an env_file */
export function buildSpec(app: CheckedApp, context: SpecContext): SpecResult {
  if (app.script === undefined) throw new LbmError('CONFIG_INVALID', 'There is no script to run.')
  const cwd = resolve(context.cwd, expandHome(app.cwd ?? '.', context.env))
  const { env, sources, references, warnings } = buildEnvironment({
    app,
    shell: context.env,
    cwd,
    environmentName: context.environmentName,
  })
  const { args = [] } = app
  const found = resolveScript({
    script: expandHome(app.script, context.env),
    cwd,
    interpreter:
      app.execute_command === true && app.interpreter === undefined ? undefined : app.interpreter,
    interpreterArgs: app.interpreter_args ?? [],
    env: context.env,
  })
  const runAs = resolveRunAs(app.uid, app.gid)
  if (runAs.home !== undefined && sources['HOME'] === 'shell') {
    env['HOME'] = runAs.home
    sources['HOME'] = 'uid'
  }
  const { script, command, runtime, ...program } = withSourceMaps(app, found)
  if (app.leader === true && runtime !== 'node') {
    throw new LbmError('CONFIG_INVALID', 'leader: only a Node program can be told when it leads.', {
      hint: 'give it one instance, and leave "leader" out',
    })
  }
  const { mode, warnings: modeWarnings } = modeOf(app, found)
  checkSpare(app, { runtime, mode })
  const logs = logSpec(app, cwd, context.env)
  const balance = balanceSpec(app.balance)
  if (balance.policy === 'reuseport' && mode === 'cluster') {
    const problem = reusePortProblem(program.nodeVersion, process.platform)
    if (problem !== undefined) throw problem
  }

  const spec: AppSpec = {
    name: appName(app, context.environmentName),
    namespace: app.namespace ?? 'default',
    version: packageVersion(command === undefined ? dirname(script) : cwd),
    username: userInfo().username,
    script,
    ...defined('realScript', realPath(script)),
    args: command === undefined ? args : ['-c', [command, ...args.map(shellQuote)].join(' ')],
    cwd,
    ...defined('realCwd', realPath(cwd)),
    ...program,
    ...(command === undefined ? {} : { command }),
    runtime,
    ...defined('job', jobSpec(app)),
    mode,
    instances: resolveInstances(app.instances ?? 1, context.cpus ?? cpuCount),
    instancesGiven: app.instances !== undefined && app.instances !== 'max' && app.instances !== 0,
    env,
    envSources: sources,
    ...(Object.keys(references.values).length === 0 ? {} : { envReferences: references }),
    instanceVar: app.instance_var ?? 'NODE_APP_INSTANCE',
    ...defined('incrementVar', app.increment_var),
    ...lifecycle(app),
    ...defined('maxMemoryBytes', app.max_memory_restart),
    // A job may compute for as long as it takes.
    hangTimeoutMs: app.hang_timeout ?? (app.type === 'job' ? 0 : DEFAULTS.hangTimeoutMs),
    ...defined('maxRequests', app.max_requests),
    ...defined('maxAgeMs', app.max_age),
    ...(app.type === 'job'
      ? {}
      : {
          ...defined('startup', probeSpec(app.startup)),
          ...defined('readiness', probeSpec(app.readiness)),
        }),
    ...defined('liveness', probeSpec(app.liveness)),
    balance,
    maxSurge: app.max_surge ?? 1,
    reloadMinUptimeMs: app.reload_min_uptime ?? DEFAULTS.reloadMinUptimeMs,
    soakMs: app.soak ?? 0,
    drainIdleMs: app.drain_idle ?? DEFAULTS.drainIdleMs,
    drainTimeoutMs: app.drain_timeout ?? DEFAULTS.drainTimeoutMs,
    spare: app.spare ?? 0,
    leader: app.leader === true && app.type !== 'job',
    dependsOn: app.depends_on ?? {},
    ...defined('slots', slotsSpec(app.slots)),
    ...(app.proxy === undefined ? {} : { proxy: proxyOptions(app.proxy, cwd, context.env) }),
    watch: watchSpec(app, cwd, logs),
    ...cronKeys(app),
    logs,
    ...(app.pid_file === undefined
      ? {}
      : { pidFile: resolve(cwd, expandHome(app.pid_file, context.env)) }),
    ...(runAs.uid === undefined ? {} : { uid: runAs.uid }),
    ...(runAs.gid === undefined ? {} : { gid: runAs.gid }),
    hooks: {
      ...defined('onCrash', hookSpec(app.on_crash)),
      ...defined('onReady', hookSpec(app.on_ready)),
      ...defined('onExit', hookSpec(app.on_exit)),
    },
    ...(context.source === undefined ? {} : { source: context.source }),
    raw: withoutEnvironments(context.raw),
  }
  return { spec, warnings: [...warnings, ...modeWarnings] }
}

/** PM2 has them on; here a program runs as under plain `node` until its file says so. */
function withSourceMaps(app: CheckedApp, found: ResolvedScript): ResolvedScript {
  const isWanted = app.source_map_support === true && app.disable_source_map_support !== true
  if (!isWanted || found.runtime !== 'node') return found
  return { ...found, interpreterArgs: ['--enable-source-maps', ...found.interpreterArgs] }
}

/** A cluster hands connections to Node programs; PM2's users ask for one of anything. */
function modeOf(
  app: CheckedApp,
  { runtime, interpreterName }: ResolvedScript,
): { mode: Mode; warnings: string[] } {
  if (app.execute_command === true) return { mode: 'fork', warnings: [] }
  const asked = app.exec_mode?.replace('_mode', '') as Mode | undefined
  if (app.type === 'job') return { mode: 'fork', warnings: jobWarnings(app) }
  if (asked === 'cluster' && runtime !== 'node') {
    const what = interpreterName === 'none' ? 'a program of its own' : `run by ${interpreterName}`
    const warning = `a cluster is for Node programs and ${app.script} is ${what}: it runs in fork mode, each instance on a port of its own`
    return { mode: 'fork', warnings: [warning] }
  }
  const implied = app.instances !== undefined && runtime === 'node' ? 'cluster' : 'fork'
  return { mode: asked ?? implied, warnings: [] }
}

/** @returns undefined where no link is followed */
function realPath(path: string): string | undefined {
  try {
    const real = realpathSync(path)
    return real === path ? undefined : real
  } catch {
    return undefined // it goes missing between two looks: the start will say so
  }
}

function jobSpec({ type, overlap = 'skip' }: CheckedApp): JobSpec | undefined {
  return type === 'job' ? { overlap } : undefined
}

const OF_SERVICES = [
  'wait_ready',
  'readiness',
  'startup',
  'autorestart',
  'restart',
  'max_restarts',
  'balance',
  'leader',
] as const

/** A job is never ready: it ends. */
function jobWarnings(app: CheckedApp): string[] {
  const given = OF_SERVICES.filter((key) => app[key] !== undefined && app[key] !== false)
  return given.map((key) => `"${key}" says nothing to a job`)
}

type Lifecycle = Pick<
  AppSpec,
  | 'autostart'
  | 'autorestart'
  | 'restart'
  | 'maxRestarts'
  | 'minUptimeMs'
  | 'restartDelayMs'
  | 'expBackoffRestartDelayMs'
  | 'stopExitCodes'
  | 'killTimeoutMs'
  | 'killSignal'
  | 'shutdownWithMessage'
  | 'treekill'
  | 'listenTimeoutMs'
  | 'waitReady'
>

function lifecycle(app: CheckedApp): Lifecycle {
  const isJob = app.type === 'job'
  return {
    autostart: app.autostart ?? true,
    autorestart: !isJob && (app.autorestart ?? app.restart !== 'never'),
    restart: isJob ? 'never' : (app.restart ?? (app.autorestart === false ? 'never' : 'always')),
    ...defined('maxRestarts', app.max_restarts),
    minUptimeMs: app.min_uptime ?? DEFAULTS.minUptimeMs,
    restartDelayMs: app.restart_delay ?? 0,
    expBackoffRestartDelayMs: app.exp_backoff_restart_delay ?? 0,
    stopExitCodes: app.stop_exit_codes ?? [],
    // PM2 takes 0 for "as usual", too.
    killTimeoutMs: app.kill_timeout || DEFAULTS.killTimeoutMs,
    killSignal: app.kill_signal ?? 'SIGINT',
    shutdownWithMessage: app.shutdown_with_message ?? false,
    treekill: app.treekill ?? true,
    listenTimeoutMs: app.listen_timeout || DEFAULTS.listenTimeoutMs,
    waitReady: !isJob && (app.wait_ready ?? false),
  }
}

/** Environments may hold secrets, and `env` is in the definition anyway. */
function withoutEnvironments(raw: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(raw).filter(([key]) => key !== 'env' && !key.startsWith('env_')),
  )
}

function shellQuote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
