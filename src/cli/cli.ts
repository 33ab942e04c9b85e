/** What each command is handed: where it prints, which home it means and how it asks the daemon. */

import { isAsPm2 } from '../client/as-pm2.ts'
import {
  call,
  type CallOptions,
  isDaemonDown,
  type Method,
  type Params,
  type Result,
} from '../client/call.ts'
import type { HeadStart } from '../client/head-start.ts'
import { resolveHome } from '../client/home.ts'
import { LbmError } from '../contract/errors.ts'
import type { HomePaths } from '../contract/home.ts'
import type { Hello } from '../contract/version.ts'
import type { Io } from './io.ts'

export interface Cli {
  io: Io
  /** Arguments behind `--`: they belong to the app. */
  passthrough: readonly string[]
  /** `-s`: only data that was asked for and errors are printed. */
  silent: boolean
  /** `-m`: blocks in place of the table. */
  miniList: boolean
  /** `--ci`: the words of the command line, for annotations. */
  pipeline?: readonly string[] | undefined
  /** Begun where the command is likely to need a supervisor, and there is none. */
  headStart?: HeadStart | undefined
  /** Set by a command that did what it was asked and has something to say by its exit code. */
  exitCode?: number
}

export function homeOf({ io }: Cli): HomePaths {
  return resolveHome(io.env)
}

/** Asks a daemon that is there; one that left its supervisors behind is started again. */
export async function ask<M extends Method>(
  cli: Cli,
  method: M,
  params: Params<M>,
  options: CallOptions = {},
): Promise<Result<M>> {
  const home = homeOf(cli)
  try {
    return await call(home.socket, method, params, {
      onHello: (hello) => tellVersion(cli, hello),
      ...options,
    })
  } catch (error) {
    const { explainConnect, hasSupervisors } = await import('../client/home-state.ts')
    if (!isDaemonDown(error)) throw explainConnect(error, home)
    if (!hasSupervisors(home)) throw notRunning(error)
    return await askAgain(cli, method, params, options)
  }
}

/** Where its supervisors are ended meanwhile, there is no daemon to ask. */
async function askAgain<M extends Method>(
  cli: Cli,
  method: M,
  params: Params<M>,
  options: CallOptions,
): Promise<Result<M>> {
  try {
    return await askStarting(cli, method, params, { ...options, again: true })
  } catch (error) {
    throw isDaemonDown(error) ? notRunning(error) : error
  }
}

/** Asks the daemon, starting it when there is none. @param again it is wanted for its supervisors alone */
export async function askStarting<M extends Method>(
  cli: Cli,
  method: M,
  params: Params<M>,
  { again = false, ...options }: CallOptions & { again?: boolean } = {},
): Promise<Result<M>> {
  const { callStarting } = await import('../client/ensure-daemon.ts')
  const { io } = cli
  const start = {
    home: homeOf(cli),
    env: io.env,
    headStart: cli.headStart,
    again,
    onStarted: (pid: number) => {
      if (cli.silent) return
      io.err(`lbm: daemon started (pid ${pid})`)
      explainPm2Home(io)
    },
  }
  return await callStarting(start, method, params, {
    onHello: (hello) => tellVersion(cli, hello),
    ...options,
  })
}

/** Who comes from PM2 may expect its home to be used. */
function explainPm2Home({ env, err }: Io): void {
  if (!env['PM2_HOME'] || env['LBM_HOME'] || isAsPm2(env)) return
  err(
    `lbm: PM2_HOME is set and is PM2's; lbm's home is ~/.lbm, or LBM_HOME. "lbm import pm2" takes over what PM2 runs`,
  )
}

/** With the errno still inside, so that callers can make something of it. */
function notRunning(error: unknown): LbmError {
  const { cause } = error as LbmError
  return new LbmError('DAEMON_UNREACHABLE', 'The daemon is not running.', {
    cause,
    hint: 'it comes with the first app: lbm start <script>',
  })
}

function tellVersion({ io, silent }: Cli, { version }: Hello): void {
  if (silent || version === __LBM_VERSION__) return
  io.err(
    `lbm: the daemon is lbm ${version}, this is ${__LBM_VERSION__}; type "lbm upgrade" to renew it`,
  )
}

/** For commands that need an app to be there: without a daemon there is none. @throws LbmError APP_NOT_FOUND */
export async function askAbout<M extends Method>(
  cli: Cli,
  words: readonly string[],
  method: M,
  params: Params<M>,
  options: CallOptions = {},
): Promise<Result<M>> {
  try {
    return await ask(cli, method, params, options)
  } catch (error) {
    if (!isDaemonDown(error)) throw error
    throw noSuchApp(words)
  }
}

/** The same sentence that the daemon would give, where there is none to ask. */
function noSuchApp(words: readonly string[]): LbmError {
  const [first = 'all'] = words
  const message =
    first === 'all' ? 'There is no app.' : `No app, namespace or id matches "${first}".`
  return new LbmError('APP_NOT_FOUND', message, {
    hint: 'the daemon is not running; start an app: lbm start <script>',
    subject: first,
  })
}
