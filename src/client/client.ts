/** What the commands do, as promises. */

import { buildSpec } from '../config/app-spec.ts'
import { checkApp } from '../config/check-app.ts'
import { sentenceOf } from '../config/problems.ts'
import type { AppDefinition } from '../config/schema.ts'
import type { AppDetail, AppOutcome, DaemonInfo } from '../contract/api.ts'
import type { AppSpec, BalanceSpec } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'
import type { LbmEvent } from '../contract/events.ts'
import type { HomePaths } from '../contract/home.ts'
import type { InstanceView } from '../contract/instance.ts'
import type { Settings } from '../contract/settings.ts'
import { isDaemonDown } from './call.ts'
import { subscribe } from './events.ts'
import { type ActionOutcome, failureOfActions } from './failures.ts'
import { resolveHome } from './home.ts'
import type { StartFileOptions } from './start-file.ts'
import { createSubscriptions } from './subscriptions.ts'
import { waitForExit } from './wait-for-exit.ts'
import { type AskOptions, type Wire, wireByCall } from './wire.ts'

export interface ClientOptions {
  /** Default: `LBM_HOME`, or `~/.lbm`. */
  home?: string
  /** What apps get as the shell's environment. Default: `process.env`. */
  env?: NodeJS.ProcessEnv
  /** What relative paths are relative to. Default: `process.cwd()`. */
  cwd?: string
}

export interface StartOptions extends AskOptions {
  /** false: resolve after the spawn. Default: when every instance is ready. */
  wait?: boolean
  /** Start one more although an app of this name runs. */
  force?: boolean
  /** Adds what `env_<name>` holds. */
  environment?: string
}

export interface MessageReply {
  id: number
  name: string
  value: unknown
}

type Selectors = string | number | readonly (string | number)[]

/** Each promise rejects with an `LbmError`, of code DAEMON_UNREACHABLE when the connection is lost. */
export interface Client {
  ping(options?: AskOptions): Promise<DaemonInfo>
  /** Every instance; none when no daemon runs. */
  list(options?: AskOptions): Promise<InstanceView[]>
  /** Values of secret-looking variables are masked unless `reveal`. */
  describe(apps: Selectors, options?: AskOptions & { reveal?: boolean }): Promise<AppDetail[]>
  /** Starts the daemon first where none runs. Rejects with START_FAILED when an instance does not come up. */
  start(app: AppDefinition | string, options?: StartOptions): Promise<AppOutcome>
  /** The apps of an ecosystem file: missing ones are started, the others get their new definition. */
  startFile(file: string, options?: StartFileOptions): Promise<ActionOutcome[]>
  stop(apps: Selectors, options?: AskOptions): Promise<AppOutcome[]>
  restart(
    apps: Selectors,
    options?: AskOptions & { wait?: boolean; rolling?: boolean; env?: Record<string, string> },
  ): Promise<AppOutcome[]>
  /** Rejects with START_FAILED when it was rolled back. */
  reload(
    apps: Selectors,
    options?: AskOptions & {
      supersede?: boolean
      rollback?: boolean
      env?: Record<string, string>
    },
  ): Promise<ActionOutcome[]>
  delete(apps: Selectors, options?: AskOptions): Promise<AppOutcome[]>
  /** @param to a number, or `+2`, `-1` */
  scale(
    app: string,
    to: number | string,
    options?: AskOptions & { wait?: boolean },
  ): Promise<AppOutcome & { from: number; to: number }>
  signal(
    apps: Selectors,
    signal: NodeJS.Signals,
    options?: AskOptions,
  ): Promise<{ id: number; name: string }[]>
  reset(apps: Selectors, options?: AskOptions): Promise<number[]>
  balance(apps: Selectors, balance: Partial<BalanceSpec>, options?: AskOptions): Promise<string[]>
  /** Writes a line to the standard input of an instance. */
  sendLine(id: number, line: string, options?: AskOptions): Promise<void>
  /** What the apps' `process.on('message')` gets. */
  sendMessage(apps: Selectors, message: unknown, options?: AskOptions): Promise<number>
  /** Runs an action that the apps registered, and resolves with their answers. */
  trigger(
    apps: Selectors,
    action: string,
    param?: unknown,
    options?: AskOptions,
  ): Promise<MessageReply[]>
  flush(apps: Selectors, options?: AskOptions): Promise<string[]>
  /** Opens every log file anew, after somebody else rotated them. */
  reopenLogs(options?: AskOptions): Promise<string[]>
  save(options?: AskOptions): Promise<string>
  resurrect(options?: AskOptions & { wait?: boolean }): Promise<AppOutcome[]>
  /** Puts an empty list in the place of the saved one. */
  clearSaved(options?: AskOptions): Promise<string>
  /** What `lbm set` keeps. */
  settings(options?: AskOptions): Promise<Settings>
  /** @param changes null takes a setting away */
  changeSettings(changes: Record<string, string | null>, options?: AskOptions): Promise<Settings>
  /** Ends every app and the daemon; resolves with the number of instances. */
  kill(options?: AskOptions): Promise<number>
  /**
   * Until the signal aborts or the loop is left; throws DAEMON_UNREACHABLE when the daemon ends. What this client is asked
   * to do after the loop has begun is told by it.
   */
  events(apps?: Selectors, options?: { signal?: AbortSignal }): AsyncIterable<LbmEvent>
}

const TRIGGER_TIMEOUT_MS = 10_000

/** A client with a connection for each request: nothing to close, and a daemon that was replaced is found again. */
export function createClient(options: ClientOptions = {}): Client {
  const env = options.env ?? process.env
  const home = (): HomePaths => homeOf(options)
  return clientOver(wireByCall({ home, env }), home, options)
}

/** Asked for when it is needed: the variables of a program may be set after its imports. */
export function homeOf({ home, env = process.env }: ClientOptions): HomePaths {
  return resolveHome(home === undefined ? env : { ...env, LBM_HOME: home })
}

export function clientOver(wire: Wire, home: () => HomePaths, options: ClientOptions): Client {
  const subscriptions = createSubscriptions()
  const { ask, askStarting } = subscriptions.before(wire)
  const env = options.env ?? process.env
  const specOf = (app: AppDefinition | string, environment: string | undefined): AppSpec =>
    specFrom(
      typeof app === 'string' ? { script: app } : app,
      options.cwd ?? process.cwd(),
      env,
      environment,
    )

  return {
    ping: (given) => ask('daemon.ping', {}, given),
    async list(given) {
      try {
        return (await ask('app.list', {}, given)).instances
      } catch (error) {
        if (isDaemonDown(error)) return []
        throw error
      }
    },
    describe: async (apps, { reveal = false, ...given } = {}) =>
      (await ask('app.describe', { selectors: list(apps), reveal }, given)).apps,
    async start(app, { wait = true, force = false, environment, ...given } = {}) {
      const spec = specOf(app, environment)
      const { restarted: _, ...outcome } = await askStarting(
        'app.start',
        { spec, force, wait },
        given,
      )
      return one(succeeded([outcome]))
    },
    async startFile(file, given = {}) {
      const { startFile } = await import('./start-file.ts')
      return succeeded(
        await startFile({ ask, askStarting }, file, {
          ...given,
          cwd: options.cwd ?? process.cwd(),
          env,
        }),
      )
    },
    stop: async (apps, given) =>
      succeeded((await ask('app.stop', { selectors: list(apps) }, given)).apps),
    async restart(apps, { wait = true, rolling = false, env: more, ...given } = {}) {
      const params = {
        selectors: list(apps),
        wait,
        rolling,
        ...(more === undefined ? {} : { env: more }),
      }
      return succeeded((await ask('app.restart', params, given)).apps)
    },
    async reload(apps, { supersede = false, rollback = false, env: more, ...given } = {}) {
      const params = {
        selectors: list(apps),
        supersede,
        rollback,
        ...(more === undefined ? {} : { env: more }),
      }
      return succeeded((await ask('app.reload', params, given)).apps)
    },
    delete: async (apps, given) =>
      succeeded((await ask('app.delete', { selectors: list(apps) }, given)).apps),
    async scale(selector, to, { wait = true, ...given } = {}) {
      return one(succeeded([await ask('app.scale', { selector, to: String(to), wait }, given)]))
    },
    signal: async (apps, signal, given) =>
      (await ask('app.signal', { selectors: list(apps), signal }, given)).signalled,
    reset: async (apps, given) => (await ask('app.reset', { selectors: list(apps) }, given)).ids,
    balance: async (apps, balance, given) =>
      (await ask('app.balance', { selectors: list(apps), balance }, given)).apps,
    async sendLine(id, line, given) {
      await ask('app.send', { id, line }, given)
    },
    sendMessage: async (apps, message, given) =>
      (await ask('app.message', { selectors: list(apps), message }, given)).sent,
    async trigger(apps, action, param, given) {
      const message = param === undefined ? action : { msg: action, opts: param }
      const awaitReply = { action, timeoutMs: given?.timeoutMs ?? TRIGGER_TIMEOUT_MS }
      return (await ask('app.message', { selectors: list(apps), message, awaitReply }, given))
        .replies
    },
    flush: async (apps, given) => (await ask('app.flush', { selectors: list(apps) }, given)).files,
    reopenLogs: async (given) => (await ask('logs.reopen', {}, given)).files,
    save: async (given) => (await ask('state.save', { force: true }, given)).path,
    resurrect: async ({ wait = true, ...given } = {}) =>
      succeeded((await askStarting('state.resurrect', { wait }, given)).apps),
    clearSaved: async (given) => (await askStarting('state.clear', {}, given)).path,
    settings: async (given) => (await askStarting('settings.read', {}, given)).settings,
    changeSettings: async (changes, given) =>
      (await askStarting('settings.write', { changes }, given)).settings,
    async kill(given) {
      const { stopped } = await ask('daemon.kill', {}, given)
      await waitForExit(home())
      return stopped
    },
    events: (apps = 'all', { signal } = {}) =>
      subscribe(home().socket, {
        selectors: list(apps),
        signal,
        onBegin: subscriptions.add,
      }),
  }
}

function list(apps: Selectors): string[] {
  return (typeof apps === 'string' || typeof apps === 'number' ? [apps] : apps).map(String)
}

function succeeded<T extends ActionOutcome>(apps: T[]): T[] {
  const failure = failureOfActions(apps)
  if (failure !== undefined) throw failure
  return apps
}

function one<T>([first]: T[]): T {
  if (first === undefined) throw new LbmError('INTERNAL', 'The daemon answered nothing.')
  return first
}

/** @throws LbmError CONFIG_INVALID with every problem */
function specFrom(
  definition: AppDefinition,
  cwd: string,
  env: NodeJS.ProcessEnv,
  environmentName: string | undefined,
): AppSpec {
  const { app, raw, problems } = checkApp({ ...definition }, (key) => key)
  if (problems.length > 0) throw new LbmError('CONFIG_INVALID', problems.map(sentenceOf).join('\n'))
  return buildSpec(app, { cwd, env, environmentName, raw }).spec
}
