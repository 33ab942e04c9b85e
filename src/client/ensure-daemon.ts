/** Starts the daemon of a home where none answers. */

import type { ChildProcess } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { AGAIN_FLAG } from '../contract/again.ts'
import { LbmError } from '../contract/errors.ts'
import type { ExpectedSupervisor } from '../contract/head-start.ts'
import type { HomePaths } from '../contract/home.ts'
import { plainSupervisorId } from '../contract/supervisor-id.ts'
import type { Hello } from '../contract/version.ts'
import { openBackground } from './background.ts'
import {
  call,
  type CallOptions,
  isDaemonDown,
  type Method,
  type Params,
  type Result,
} from './call.ts'
import { firstRecord, mayBegin } from './first-app.ts'
import { beginHeadStart, type HeadStart } from './head-start.ts'
import { checkHome, explainConnect } from './home-state.ts'

/** The daemon listens some 100 ms after its spawn; a busy machine needs longer. */
const START_TIMEOUT_MS = 10_000
const RETRY_MS = 5
/** Two commands may both start a daemon: the one that comes second exits, and the first is about to listen. */
const GRACE_AFTER_EXIT_MS = 1_000

export interface DaemonStart {
  home: HomePaths
  env: NodeJS.ProcessEnv
  /** The folder of the programs; this file's unless a test says otherwise. */
  programs?: string | undefined
  /** A supervisor that a command started before it knew what for. */
  headStart?: HeadStart | undefined
  /** It is there for supervisors that are there already; where they end meanwhile, so does it. */
  again?: boolean | undefined
  /** Called once, when a daemon was started by this call. */
  onStarted?: ((pid: number) => void) | undefined
}

/** A daemon on its way. */
interface Coming {
  daemon: ChildProcess
  /** Where in its log it begins to write. */
  logStart: number
}

/**
 * `call`, starting the daemon first when nothing listens.
 * @throws LbmError HOME_UNUSABLE, or DAEMON_UNREACHABLE with what the daemon printed
 */
export async function callStarting<M extends Method>(
  start: DaemonStart,
  method: M,
  params: Params<M>,
  options: CallOptions = {},
): Promise<Result<M>> {
  const { home } = start
  try {
    return await call(home.socket, method, params, options)
  } catch (error) {
    if (!isDaemonDown(error)) throw explainConnect(error, home)
  }
  checkHome(home.root)
  const coming = spawnDaemon(start, expectedFor(start, method, params))
  const ask = (onHello: (hello: Hello) => void): Promise<Result<M>> =>
    call(home.socket, method, params, { ...options, onHello })
  return await callComing(start, coming, ask, options.onHello)
}

/** The supervisor of the first app, which starts beside the daemon. */
function expectedFor<M extends Method>(
  { home, env, headStart, programs }: DaemonStart,
  method: M,
  params: Params<M>,
): ExpectedSupervisor | undefined {
  if (method !== 'app.start') return undefined
  const { spec, force, wait } = params as Params<'app.start'>
  const id = plainSupervisorId(spec.name, spec, home.runDir)
  if (id === undefined) return undefined
  const app = wait && !force && mayBegin(spec, home) ? firstRecord(spec) : undefined
  const first = headStart ?? beginHeadStart(home, env, programs)
  return first?.appoint(app === undefined ? { id } : { id, app })
}

function spawnDaemon(
  { home, env, programs, again = false }: DaemonStart,
  expected: ExpectedSupervisor | undefined,
): Coming {
  using background = openBackground(home, env, programs)
  const daemon = background.run('daemon', again ? [AGAIN_FLAG] : [], { expected })
  return { daemon, logStart: background.logStart }
}

/** @param ask tried until something listens: either the daemon that comes, or one of another command that was faster */
async function callComing<T>(
  { home, onStarted, again = false }: DaemonStart,
  { daemon, logStart }: Coming,
  ask: (onHello: (hello: Hello) => void) => Promise<T>,
  onHello: CallOptions['onHello'],
): Promise<T> {
  let ended: string | undefined
  daemon.once('error', (error) => (ended = error.message))
  daemon.once('exit', (code, signal) => (ended = signal === null ? `exit code ${code}` : signal))

  const greeted = (hello: Hello): void => {
    if (hello.pid === daemon.pid) onStarted?.(hello.pid)
    onHello?.(hello)
  }
  let deadlineMs = performance.now() + START_TIMEOUT_MS
  let sawEnd = false
  let down: unknown
  while (performance.now() < deadlineMs) {
    // Looking is cheap, asking is not, and both compete with the daemon's boot.
    if (down === undefined || existsSync(home.socket)) {
      try {
        return await ask(greeted)
      } catch (error) {
        if (!isDaemonDown(error)) throw explainConnect(error, home)
        down = error
      }
    }
    if (ended !== undefined && !sawEnd) {
      sawEnd = true
      deadlineMs = performance.now() + GRACE_AFTER_EXIT_MS
    }
    await delay(RETRY_MS)
  }
  // Nobody needs it any more: all was ended in order meanwhile.
  if (again && ended === 'exit code 0') throw down
  throw didNotStart(home, logStart, ended)
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
