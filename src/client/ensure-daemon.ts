/** Starts the daemon of a home where none answers. */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { AGAIN_FLAG } from '../contract/again.ts'
import { LbmError } from '../contract/errors.ts'
import {
  EXPECTED_FLAG,
  type ExpectedSupervisor,
  withExpected,
} from '../contract/expected-supervisor.ts'
import type { HomePaths } from '../contract/home.ts'
import { plainSupervisorId } from '../contract/supervisor-id.ts'
import {
  call,
  type CallOptions,
  isDaemonDown,
  type Method,
  type Params,
  type Result,
} from './call.ts'
import { checkHome, explainConnect, isUntouched } from './home-state.ts'

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
  /** It is there for supervisors that are there already; where they end meanwhile, so does it. */
  again?: boolean | undefined
  /** Called once, when a daemon was started by this call. */
  onStarted?: ((pid: number) => void) | undefined
  /** The supervisor that the first request needs: it starts beside the daemon, where nothing else has run. */
  supervisorId?: string | undefined
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
  const supervisorId = supervisorFor(method, params, start.home)
  await startDaemon({ ...start, supervisorId })
  return await call(start.home.socket, method, params, options)
}

function supervisorFor<M extends Method>(
  method: M,
  params: Params<M>,
  { runDir }: HomePaths,
): string | undefined {
  if (method !== 'app.start') return undefined
  const { spec } = params as Params<'app.start'>
  return plainSupervisorId(spec.name, spec, runDir)
}

/** @throws LbmError HOME_UNUSABLE, or DAEMON_UNREACHABLE with what the daemon printed */
export async function startDaemon(start: DaemonStart): Promise<void> {
  const { home, env, daemonFile, again = false, supervisorId } = start
  checkHome(home.root)
  const log = openSync(home.daemonLog, 'a', 0o600)
  const logStart = fstatSync(log).size
  const childEnv: NodeJS.ProcessEnv = { ...env, LBM_HOME: home.root }
  for (const name of NOT_FOR_THE_DAEMON) delete childEnv[name]
  const program = daemonFile ?? join(__dirname, 'daemon.cjs')
  const run = (args: string[], withEnv: NodeJS.ProcessEnv): ChildProcess =>
    spawn(process.execPath, args, {
      cwd: home.root,
      detached: true,
      env: withEnv,
      stdio: ['ignore', log, log],
    })
  const expected =
    supervisorId !== undefined && isUntouched(home)
      ? startSupervisor(supervisorId, (id) =>
          run([join(dirname(program), 'supervisor.cjs'), id, EXPECTED_FLAG], childEnv),
        )
      : undefined
  const words = again ? [program, AGAIN_FLAG] : [program]
  const child = run(words, expected ? withExpected(childEnv, expected) : childEnv)
  closeSync(log)
  try {
    await untilAnswered(start, child, logStart)
  } catch (error) {
    if (expected !== undefined) endSupervisor(expected)
    throw error
  }
}

async function untilAnswered(
  { home, onStarted, again = false }: DaemonStart,
  child: ChildProcess,
  logStart: number,
): Promise<void> {
  let ended: string | undefined
  child.once('error', (error) => (ended = error.message))
  child.once('exit', (code, signal) => (ended = signal === null ? `exit code ${code}` : signal))
  child.unref()

  let deadlineMs = performance.now() + START_TIMEOUT_MS
  let sawEnd = false
  let down: unknown
  while (performance.now() < deadlineMs) {
    try {
      const { pid } = await call(home.socket, 'daemon.ping', {})
      if (pid === child.pid) onStarted?.(pid)
      return
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

function startSupervisor(
  id: string,
  run: (id: string) => ChildProcess,
): ExpectedSupervisor | undefined {
  const child = run(id)
  // Without it the daemon starts one, and says why that fails.
  child.once('error', () => undefined)
  child.unref()
  return child.pid === undefined ? undefined : { id, pid: child.pid }
}

/** It has no app, and without a daemon gets none. The next daemon removes its files, as those of any that died. */
function endSupervisor({ pid }: ExpectedSupervisor): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it found its name taken, and has ended
  }
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
