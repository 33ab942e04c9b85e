/** A process of an instance with all that goes with it: member of the balancer, log streams, health, pid file. */

import type { FromAgent } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { InstanceBalance } from '../../../src/contract/instance.ts'
import type { Balancer, NativeHandle } from '../../balancer/port.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Health } from '../health/health.ts'
import type { AttachedStream } from '../logs/attached-stream.ts'
import type { LogPipes } from '../logs/log-pipe.ts'
import type { Sinks } from '../logs/sinks.ts'
import { slotsForAgent } from '../slots/slots-for-agent.ts'
import { type Child, startChild } from './child.ts'
import { environmentOf } from './environment.ts'
import type { Fault } from './exit-reason.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import { commandOf } from './spawn.ts'

/** How long the rest of a dead process's output is waited for; a grandchild may hold the pipe open. */
const OUTPUT_GRACE_MS = 500
const AGENT_REPORT_MS = 1000

export interface RunningProcess {
  run: number
  child: Child
  memberId: number
  pidFile: string
  out: AttachedStream
  error: AttachedStream
  startedAt: number
  spec: AppSpec
  health: Health
  /** Until it has run well for long enough to be remembered. */
  proving?: Disposable
  fault?: Fault
  bindFailure?: string
  /** As last published. */
  stats?: string
  exit?: { code: number | null; signal: string | null }
}

export interface ProcessDeps {
  agentPath: string
  pipes: LogPipes
  sinks: Sinks
  pidFileOf: (spec: AppSpec) => string
  clock: Clock
  balancer: Balancer
  /** Unique among the supervisor's processes. */
  nextMemberId: () => number
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
  lookAfter: (child: Child, env: NodeJS.ProcessEnv) => Health
  on: {
    agent: (message: FromAgent, handle: NativeHandle | undefined) => void
    message: (message: unknown) => void
    spawnFailed: (message: string) => void
    exited: (code: number | null, signal: string | null) => void
  }
}

/** @returns undefined when nothing was spawned; `spawnFailed` says why */
export function startRunningProcess(
  start: ProcessStart,
  deps: ProcessDeps,
): RunningProcess | undefined {
  const { run, id, number, spec, whole, notifySocket } = start
  const { clock, pipes, balancer } = deps
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
    start.on,
  )
  if (child === undefined) return undefined
  const source = { id, pid: child.pid }
  const sink = deps.sinks.of(spec)
  const process: RunningProcess = {
    run,
    child,
    memberId,
    pidFile: deps.pidFileOf(spec),
    out: sink.attach(child.out, 'out', source),
    error: sink.attach(child.error, 'error', source),
    startedAt: clock.now(),
    spec: whole,
    health: start.lookAfter(child, {
      ...environmentOf({ ...whole, runtime: 'other' }, identity, agent),
      LBM_PID: String(child.pid),
    }),
  }
  balancer.attach({ id: memberId, number, send: child.send })
  writePidFile(process.pidFile, child.pid)
  return process
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
  removePidFile(process.pidFile, process.child.pid)
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
