/** Starts the daemon of a home where none answers. */

import { spawn } from 'node:child_process'
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
} from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { LbmError } from '../contract/errors.ts'
import type { HomePaths } from '../contract/home.ts'
import {
  call,
  type CallOptions,
  isDaemonDown,
  type Method,
  type Params,
  type Result,
} from './call.ts'

/** The daemon listens some 100 ms after its spawn; a busy machine needs longer. */
const START_TIMEOUT_MS = 10_000
const RETRY_MS = 10
/** Two commands may both start a daemon: the one that comes second exits, and the first is about to listen. */
const GRACE_AFTER_EXIT_MS = 1_000

/** What Node sets for a child of its own, or for debugging this very process. */
const NOT_FOR_THE_DAEMON = [
  'NODE_OPTIONS',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  // Of the service that a terminal runs in: it says nothing of the daemon's.
  'INVOCATION_ID',
]

export interface DaemonStart {
  home: HomePaths
  env: NodeJS.ProcessEnv
  /** The program; the one beside this file unless a test says otherwise. */
  daemonFile?: string | undefined
  /** Called once, when a daemon was started by this call. */
  onStarted?: ((pid: number) => void) | undefined
}

/** `call`, starting the daemon first when nothing listens. */
export async function callStarting<M extends Method>(
  start: DaemonStart,
  method: M,
  params: Params<M>,
  options: CallOptions = {},
): Promise<Result<M>> {
  try {
    return await call(start.home.socket, method, params, options)
  } catch (error) {
    if (!isDaemonDown(error)) throw explainConnect(error, start.home)
  }
  await startDaemon(start)
  return await call(start.home.socket, method, params, options)
}

/** @throws LbmError HOME_UNUSABLE, or DAEMON_UNREACHABLE with what the daemon printed */
export async function startDaemon({
  home,
  env,
  daemonFile,
  onStarted,
}: DaemonStart): Promise<void> {
  checkHome(home.root)
  const log = openSync(home.daemonLog, 'a', 0o600)
  const logStart = fstatSync(log).size
  const childEnv: NodeJS.ProcessEnv = { ...env, LBM_HOME: home.root }
  for (const name of NOT_FOR_THE_DAEMON) delete childEnv[name]
  const child = spawn(process.execPath, [daemonFile ?? join(__dirname, 'daemon.cjs')], {
    cwd: home.root,
    detached: true,
    env: childEnv,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended = signal === null ? `exit code ${code}` : signal))
  child.unref()

  let deadlineMs = performance.now() + START_TIMEOUT_MS
  let sawEnd = false
  while (performance.now() < deadlineMs) {
    try {
      const { pid } = await call(home.socket, 'daemon.ping', {})
      if (pid === child.pid) onStarted?.(pid)
      return
    } catch (error) {
      if (!isDaemonDown(error)) throw explainConnect(error, home)
    }
    if (ended !== undefined && !sawEnd) {
      sawEnd = true
      deadlineMs = performance.now() + GRACE_AFTER_EXIT_MS
    }
    await delay(RETRY_MS)
  }
  throw didNotStart(home, logStart, ended)
}

/** True while supervisors of this home are there: a daemon belongs to them, and is on its way or to be started. */
export function hasSupervisors(home: HomePaths): boolean {
  try {
    return readdirSync(home.runDir).some((file) => file.endsWith('.sock'))
  } catch {
    return false // no such folder: nothing was ever started here
  }
}

function checkHome(root: string): void {
  const unusable = (why: string, cause?: unknown): LbmError =>
    new LbmError('HOME_UNUSABLE', `The home ${root} ${why}.`, {
      cause,
      hint: 'set LBM_HOME to a folder of your own, or run lbm as the user it belongs to',
    })
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(`cannot be made: ${(error as Error).message}`, error)
  }
  const { uid } = statSync(root)
  const self = process.getuid?.()
  if (self !== undefined && uid !== self)
    throw unusable(`belongs to user ${uid}, and this is user ${self}`)
  try {
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable('is not writable', error)
  }
}

/** A socket that may not be connected to means: somebody else's home. */
export function explainConnect(error: unknown, home: HomePaths): unknown {
  const errno =
    error instanceof LbmError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
  if (errno !== 'EACCES' && errno !== 'EPERM' && errno !== 'ENOTDIR') return error
  return new LbmError(
    'HOME_UNUSABLE',
    `The home ${home.root} cannot be used: ${errno} at ${home.socket}.`,
    {
      cause: error,
      hint: 'set LBM_HOME to a folder of your own, or run lbm as the user it belongs to',
    },
  )
}

function didNotStart(home: HomePaths, logStart: number, ended: string | undefined): LbmError {
  const reason = lastWords(home.daemonLog, logStart)
  const what =
    ended === undefined
      ? `did not answer within ${START_TIMEOUT_MS / 1000} s`
      : `ended at once (${ended})`
  return new LbmError(
    'DAEMON_UNREACHABLE',
    `The daemon ${what}${reason === '' ? '.' : `:\n${reason}`}`,
    {
      hint: `its log is ${home.daemonLog}`,
    },
  )
}

const LAST_LINES = 5

/** What the daemon wrote to its log since its start; its own records are JSON. */
function lastWords(logFile: string, start: number): string {
  const text = readFileSync(logFile).subarray(start).toString()
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return lines.slice(-LAST_LINES).map(plainLine).join('\n')
}

function plainLine(line: string): string {
  if (!line.startsWith('{')) return `  ${line}`
  try {
    const { event, message, error } = JSON.parse(line) as Record<string, unknown>
    return `  ${[event, message ?? error]
      .filter((part) => part !== undefined)
      .map(String)
      .join(': ')}`
  } catch {
    return `  ${line}`
  }
}
