/** Starts the daemon of a home where none answers. */

import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import { AGAIN_FLAG } from '../contract/again.ts'
import { LbmError } from '../contract/errors.ts'
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
import { beginHeadStart, type HeadStart } from './head-start.ts'
import { checkHome, explainConnect } from './home-state.ts'

/** The daemon listens some 100 ms after its spawn; a busy machine needs longer. */
const START_TIMEOUT_MS = 10_000
const RETRY_MS = 10
/** Two commands may both start a daemon: the one that comes second exits, and the first is about to listen. */
const GRACE_AFTER_EXIT_MS = 1_000

export interface DaemonStart {
  home: HomePaths
  env: NodeJS.ProcessEnv
  /** The folder of the programs; this file's unless a test says otherwise. */
  programs?: string | undefined
  /** What a command that is likely to need it started early. */
  headStart?: HeadStart | undefined
  /** It is there for supervisors that are there already; where they end meanwhile, so does it. */
  again?: boolean | undefined
  /** Called once, when a daemon was started by this call. */
  onStarted?: ((pid: number) => void) | undefined
}

/** A daemon on its way. */
type Coming = Pick<HeadStart, 'daemon' | 'logStart' | 'isUp'>

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
  const { home, env } = start
  let { headStart } = start
  let coming: Coming
  if (headStart?.isUp === false) {
    coming = headStart
  } else {
    try {
      return await call(
        home.socket,
        method,
        withSupervisor(headStart, method, params, home),
        options,
      )
    } catch (error) {
      if (!isDaemonDown(error)) throw explainConnect(error, home)
    }
    if (method === 'app.start') headStart ??= beginHeadStart(home, env)
    coming = headStart?.isUp === false ? headStart : spawnDaemon(start)
  }
  const request = withSupervisor(headStart, method, params, home)
  const ask = (onHello: (hello: Hello) => void): Promise<Result<M>> =>
    call(home.socket, method, request, { ...options, onHello })
  return await callComing(start, coming, ask, options.onHello)
}

/** Names the supervisor that has a head start, to the first app that may have it. */
function withSupervisor<M extends Method>(
  headStart: HeadStart | undefined,
  method: M,
  params: Params<M>,
  { runDir }: HomePaths,
): Params<M> {
  if (method !== 'app.start' || headStart === undefined) return params
  const { spec } = params as Params<'app.start'>
  const id = plainSupervisorId(spec.name, spec, runDir)
  const supervisor = id === undefined ? undefined : headStart.appoint(id)
  return supervisor === undefined ? params : { ...params, supervisor }
}

function spawnDaemon({ home, env, programs, again = false }: DaemonStart): Coming {
  checkHome(home.root)
  using background = openBackground(home, env, programs)
  return {
    daemon: background.run('daemon', again ? [AGAIN_FLAG] : [], 'ignore'),
    logStart: background.logStart,
    isUp: false,
  }
}

/** @param ask tried until something listens: either the daemon that comes, or one of another command that was faster */
async function callComing<T>(
  { home, onStarted, again = false }: DaemonStart,
  coming: Coming,
  ask: (onHello: (hello: Hello) => void) => Promise<T>,
  onHello: CallOptions['onHello'],
): Promise<T> {
  const { daemon, logStart } = coming
  let ended: string | undefined
  daemon.once('error', (error) => (ended = error.message))
  daemon.once('exit', (code, signal) => (ended = signal === null ? `exit code ${code}` : signal))

  const greeted = (hello: Hello): void => {
    if (!coming.isUp && hello.pid === daemon.pid) onStarted?.(hello.pid)
    coming.isUp = true
    onHello?.(hello)
  }
  let deadlineMs = performance.now() + START_TIMEOUT_MS
  let sawEnd = false
  let down: unknown
  while (performance.now() < deadlineMs) {
    try {
      return await ask(greeted)
    } catch (error) {
      if (!isDaemonDown(error)) throw explainConnect(error, home)
      down = error
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
