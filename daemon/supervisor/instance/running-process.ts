/** A process of an instance with all that goes with it: member of the balancer, log streams, health, pid file. */

import { AGENT_COMMAND } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { givenVariables } from '../../../src/contract/instance-env.ts'
import type { InstanceBalance } from '../../../src/contract/instance.ts'
import type { Balancer } from '../../balancer/port.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { OomLedger } from '../health/deaths/kernel-oom.ts'
import { createHealth, type Health } from '../health/health.ts'
import type { AttachedStream } from '../logs/attached-stream.ts'
import type { LogPipes } from '../logs/log-pipe.ts'
import type { LogSink } from '../logs/log-sink.ts'
import type { Sinks } from '../logs/sinks.ts'
import { slotsForAgent } from '../slots/slots-for-agent.ts'
import { type Child, startChild } from './child.ts'
import { environmentOf } from './environment.ts'
import type { Fault } from './exit-reason.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import type { ProcessEvents } from './process-events.ts'
import { commandOf } from './spawn.ts'

/** How long the rest of a dead process's output is waited for; a grandchild may hold the pipe open. */
const OUTPUT_GRACE_MS = 500
const AGENT_REPORT_MS = 1000

export interface RunningProcess {
  run: number
  child: Child
  memberId: number
  /** None before it has a number. */
  pidFile?: string
  out: AttachedStream
  error: AttachedStream
  startedAt: number
  /** With its whole environment. */
  spec: AppSpec
  /** Of what is run on behalf of the instance. */
  env: NodeJS.ProcessEnv
  health: Health
  /** Until it has run well for long enough to be remembered. */
  proving?: Disposable
  fault?: Fault
  bindFailure?: string
  /** As last published. */
  stats?: string
  exit?: { code: number | null; signal: string | null }
}

export interface LaunchDeps {
  agentPath: string
  pipes: LogPipes
  clock: Clock
  random: () => number
  balancer: Balancer
  oom: OomLedger
  reportsDir: string
  /** Unique among the supervisor's processes. */
  nextMemberId: () => number
}

export interface ProcessDeps extends LaunchDeps {
  sinks: Sinks
  pidFileOf: (spec: AppSpec) => string
}

export interface ProcessStart {
  run: number
  id: number
  number: number
  /** Its environment may hold references. */
  spec: AppSpec
  /** With them read. */
  whole: AppSpec
  notifySocket: string | undefined
  /** Whether that process begins as the leader of the app. */
  leads: (memberId: number) => boolean
  on: ProcessEvents
}

/** @returns undefined when nothing was spawned; `spawnFailed` says why */
export function startRunningProcess(
  start: ProcessStart,
  deps: ProcessDeps,
): RunningProcess | undefined {
  const process = launchProcess(start, deps, { sink: deps.sinks.of(start.spec), id: start.id })
  if (process !== undefined) takePidFile(process, deps)
  return process
}

/** @param output where it goes @returns undefined when nothing was spawned; `spawnFailed` says why */
export function launchProcess(
  start: ProcessStart,
  deps: LaunchDeps,
  { sink, id: logId, isSpare = false }: { sink: LogSink; id: number; isSpare?: boolean },
): RunningProcess | undefined {
  const { run, id, number, spec, whole, notifySocket, on } = start
  const { clock, random, pipes, balancer, oom, reportsDir } = deps
  const memberId = deps.nextMemberId()
  const identity = { id, number, workerId: memberId, leader: start.leads(memberId) }
  const agent = {
    mode: spec.mode,
    reportMs: AGENT_REPORT_MS,
    proxyProtocol: spec.balance.proxyProtocol,
    stopSignal: spec.killSignal,
    ...slotsForAgent(spec),
  }
  const env = environmentOf(whole, identity, agent)
  if (notifySocket !== undefined) {
    env['NOTIFY_SOCKET'] = notifySocket
    if (spec.hangTimeoutMs > 0) env['WATCHDOG_USEC'] = String(spec.hangTimeoutMs * 1000)
  }
  const child = startChild(
    { spec, command: commandOf(spec, deps.agentPath), env, pipes, clock },
    on,
  )
  if (child === undefined) return undefined
  const source = { id: logId, pid: child.pid }
  const how = { isMovable: isSpare }
  const helpersEnv: NodeJS.ProcessEnv = {
    ...environmentOf({ ...whole, runtime: 'other' }, identity, agent),
    LBM_PID: String(child.pid),
  }
  const process: RunningProcess = {
    run,
    child,
    memberId,
    out: sink.attach(child.out, 'out', source, how),
    error: sink.attach(child.error, 'error', source, how),
    startedAt: clock.now(),
    spec: whole,
    env: helpersEnv,
    health: createHealth({
      spec,
      child,
      env: helpersEnv,
      clock,
      random,
      oom,
      reportsDir,
      isInService: on.isInService,
      on,
    }),
  }
  balancer.attach({ id: memberId, number, isSpare, send: child.send })
  return process
}

/** A spare takes a number, with all that goes with it. */
export function enlistProcess(
  process: RunningProcess,
  { run, id, number }: { run: number; id: number; number: number },
  deps: ProcessDeps,
): void {
  const given = givenVariables(process.spec, { id, number })
  const changed = given.filter(({ name, value }) => process.env[name] !== value)
  const env = Object.fromEntries(changed.map(({ name, value }) => [name, value]))
  Object.assign(process.env, env)
  // Before anything else that it is sent: its first connection finds it with its number.
  process.child.send({ cmd: AGENT_COMMAND, act: 'chosen', id, number, env })
  deps.balancer.enlist(process.memberId, number)
  process.run = run
  process.startedAt = deps.clock.now()
  const sink = deps.sinks.of(process.spec)
  sink.adopt(process.out, 'out', id)
  sink.adopt(process.error, 'error', id)
  takePidFile(process, deps)
}

function takePidFile(process: RunningProcess, { pidFileOf }: ProcessDeps): void {
  process.pidFile = pidFileOf(process.spec)
  writePidFile(process.pidFile, process.child.pid)
}

/** It has ended; its output may still be on its way. */
export function releaseProcess(
  process: RunningProcess,
  exit: { code: number | null; signal: string | null },
  balancer: Balancer,
): void {
  process.exit = exit
  process.health[Symbol.dispose]()
  process.proving?.[Symbol.dispose]()
  balancer.detach(process.memberId)
  if (process.pidFile !== undefined) removePidFile(process.pidFile, process.child.pid)
  process.out.exited(OUTPUT_GRACE_MS)
  process.error.exited(OUTPUT_GRACE_MS)
}

/** Rounded, so that what is told changes only where a reader would see it. */
export function statsOf(process: RunningProcess, balancer: Balancer): InstanceBalance | undefined {
  const stats = balancer.statsOf(process.memberId)
  return (
    stats && {
      ...stats,
      loopUtilisation: Math.round(stats.loopUtilisation * 100) / 100,
      loopDelayMs: Math.round(stats.loopDelayMs),
      acceptedPerSecond: Math.round(stats.acceptedPerSecond * 10) / 10,
    }
  )
}
