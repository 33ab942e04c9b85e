/** The edge of one instance: carries out what the machine decides, and turns what happens into events. */

import { AGENT_COMMAND, type FromAgent } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import type {
  ExitReason,
  InstanceBalance,
  InstanceState as InstanceReport,
  ListeningAt,
  Requester,
} from '../../../src/contract/instance.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { Balancer, NativeHandle } from '../../balancer/port.ts'
import { type Clock } from '../../kernel/clock.ts'
import type { DeathHistory } from '../health/deaths/death-history.ts'
import type { OomLedger } from '../health/deaths/kernel-oom.ts'
import type { WellRuns } from '../health/deaths/well-runs.ts'
import { createHealth, type Health } from '../health/health.ts'
import type { NotifyHub, NotifySocket } from '../health/notify/notify-hub.ts'
import type { AttachedStream } from '../logs/attached-stream.ts'
import type { LogPipes } from '../logs/log-pipe.ts'
import type { Sinks } from '../logs/sinks.ts'
import { slotsForAgent } from '../slots/slots-for-agent.ts'
import { axmAfter, NO_AXM } from './axm.ts'
import { type Child, startChild } from './child.ts'
import { environmentOf } from './environment.ts'
import { explainExit, type Fault, isFailure, withLastLines } from './exit-reason.ts'
import { newInstance, nextDeadline, stepInstance } from './machine.ts'
import { removePidFile, writePidFile } from './pid-file.ts'
import { policyOf } from './policy.ts'
import { commandOf } from './spawn.ts'
import type { Effect, Instance, InstanceEvent, InstancePolicy } from './state.ts'
import { withWholeEnvironment } from './whole-environment.ts'

/** How long the rest of a dead process's output is waited for; a grandchild may hold the pipe open. */
const OUTPUT_GRACE_MS = 500
const LAST_LINES = 20
/** What V8 says of a full heap stands above a stack trace. */
const SEARCHED_LINES = 80
const AGENT_REPORT_MS = 1000

export interface RunnerOptions {
  app: string
  id: number
  number: number
  generation: number
  spec: AppSpec
  /** A generation of the app has listened. */
  listens: boolean
  /** What was known of it before this process. */
  known?: InstanceReport | undefined
  /** False: ready or not, it gets no connections before `setInService(true)`. */
  inService: boolean
  agentPath: string
  pipes: LogPipes
  pidFileOf: (spec: AppSpec) => string
  /** The environment of the supervisor. */
  shell: Readonly<Record<string, string | undefined>>
  clock: Clock
  random: () => number
  balancer: Balancer
  sinks: Sinks
  /** Unique among the supervisor's processes. */
  nextMemberId: () => number
  /** Of the number, whichever generation they were of. */
  deaths: DeathHistory
  oom: OomLedger
  wellRuns: WellRuns
  notify: NotifyHub
  reportsDir: string
  /** Puts another in its place before it ends. Resolves false when none came up. */
  replace: (by: Requester, message: string) => Promise<boolean>
  changed: (report: InstanceReport) => void
  emit: (event: LbmEvent) => void
}

export interface Runner {
  readonly id: number
  readonly number: number
  readonly generation: number
  send(event: InstanceEvent): void
  /** Resolves with what the next command, or the start under way, comes to. */
  nextOutcome(): Promise<InstanceOutcome>
  report(): InstanceReport
  /** For the next process; the one that runs keeps what it was started with. */
  adopt(change: { spec?: AppSpec; listens?: boolean; number?: number }): void
  /** Connections come while it is in service, ready, and its readiness holds. */
  setInService(inService: boolean): void
  memberId(): number | undefined
  listeningAt(at: ListeningAt): void
  closedAt(at: ListeningAt): void
  /** A port that it wanted and did not get: most likely what it dies of. */
  bindFailed(text: string): void
  /** A remark for `describe`. */
  note(text: string): void
  child(): Child | undefined
  /** Its event loop does not answer at the moment. */
  isSilent(): boolean
  /** Resolves when all that its processes printed is in the files. */
  outputWritten(): Promise<void>
}

interface RunningProcess {
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

export function createRunner(options: RunnerOptions): Runner {
  const { app, id, generation, clock, balancer, known } = options
  let { spec, listens, number } = options
  let instance: Instance = newInstance(
    known && {
      restarts: known.restarts,
      unstableRestarts: known.unstableRestarts,
      quickDeaths: known.quickDeaths,
    },
  )
  let process: RunningProcess | undefined
  let timer: Disposable | undefined
  let listening: ListeningAt[] = []
  let notes: string[] = []
  let axm = NO_AXM
  let startedAt: number = known?.startedAt ?? 0
  let lastExit: ExitReason | undefined
  let notifySocket: NotifySocket | undefined
  /** The output of the last dead process; an outcome that quotes it waits for this. */
  let lastOutput: Promise<unknown> = Promise.resolve()
  let { inService } = options
  let waiters: ((outcome: InstanceOutcome) => void)[] = []
  const createdAt = known?.createdAt ?? clock.wall()
  const queue: InstanceEvent[] = []
  let stepping = false

  const eventBase = (): { v: 1; atMs: number; app: string } => ({ v: 1, atMs: clock.wall(), app })
  // Beside the one that serves, a death is for the reload to answer, not for a restart.
  const policy = (): InstancePolicy => {
    const ofApp = policyOf(spec, listens)
    return inService ? ofApp : { ...ofApp, autorestart: false }
  }
  const publish = (): void => options.changed(report())

  function send(event: InstanceEvent): void {
    queue.push(event)
    // One event at a time: carrying out an effect may itself bring one.
    if (stepping) return
    stepping = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const before = instance
      const [stepped, effects] = stepInstance(instance, next, policy(), clock.now())
      instance = stepped
      announceStop(before, stepped)
      followPhase(stepped)
      for (const effect of effects) carryOut(effect)
    }
    stepping = false
    armTimer()
    publish()
  }

  function armTimer(): void {
    timer?.[Symbol.dispose]()
    const deadline = nextDeadline(instance)
    timer = deadline === undefined ? undefined : clock.at(deadline, () => send({ type: 'tick' }))
  }

  function announceStop({ state: before }: Instance, { state }: Instance): void {
    const ends = state.phase === 'draining' || state.phase === 'stopping'
    const ended = before.phase === 'draining' || before.phase === 'stopping'
    if (ends && !ended)
      options.emit({ ...eventBase(), type: 'instance.stopping', id, number, by: state.by })
  }

  function followPhase({ state }: Instance): void {
    if (state.phase === 'draining') process?.health.draining()
    else if (state.phase === 'stopping') process?.health.stopping()
    else if (state.phase === 'stopped' || state.phase === 'errored') closeNotifySocket()
  }

  function closeNotifySocket(): void {
    notifySocket?.[Symbol.dispose]()
    notifySocket = undefined
  }

  function carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'spawn':
        startProcess(effect.run)
        break
      case 'rotation':
        if (process?.run === effect.run)
          balancer.setInRotation(process.memberId, effect.inRotation && inService)
        break
      case 'drain':
        drain(effect)
        break
      case 'stop-signal':
        if (process === undefined) neverStarted(effect.run)
        else process.child.askToStop()
        break
      case 'kill-tree':
        if (process === undefined) neverStarted(effect.run)
        else process.child.killTree()
        break
      case 'became-ready':
        becameReady(effect.note)
        break
      case 'died':
        recordDeath(effect)
        break
      case 'errored':
        options.emit({
          ...eventBase(),
          type: 'instance.errored',
          id,
          number,
          message: effect.message,
        })
        break
      case 'settle':
        settle(effect)
        break
    }
  }

  /** What was to be ended had not been spawned yet. */
  function neverStarted(run: number): void {
    send({ type: 'exited', run, code: null, signal: null, random: 0 })
  }

  function startProcess(run: number): void {
    listening = []
    notes = []
    axm = NO_AXM
    startedAt = clock.wall()
    // A program that is not Node says that it is ready by sd_notify(3).
    if (spec.runtime === 'node' || !spec.waitReady) {
      spawnProcess(run)
      return
    }
    notifySocket ??= options.notify.open((said) => process?.health.notified(said))
    void notifySocket.opened.then((failure) => {
      const isWanted = instance.counters.run === run && instance.state.phase === 'starting'
      if (!isWanted) return
      if (failure === undefined) spawnProcess(run)
      else send({ type: 'spawn-failed', run, message: `wait_ready: ${failure}` })
    })
  }

  function spawnProcess(run: number): void {
    const memberId = options.nextMemberId()
    const identity = { id, number, workerId: memberId }
    const agent = {
      mode: spec.mode,
      reportMs: AGENT_REPORT_MS,
      proxyProtocol: spec.balance.proxyProtocol,
      ...slotsForAgent(spec),
    }
    const whole = wholeSpec(run)
    if (whole === undefined) return
    const env = environmentOf(whole, identity, agent)
    if (notifySocket !== undefined) {
      env['NOTIFY_SOCKET'] = notifySocket.path
      if (spec.hangTimeoutMs > 0) env['WATCHDOG_USEC'] = String(spec.hangTimeoutMs * 1000)
    }
    const child = startChild(
      { spec, command: commandOf(spec, options.agentPath), env, pipes: options.pipes, clock },
      {
        agent: (message, handle) => receive(run, message, handle),
        message: (message) => receiveFromApp(run, message),
        spawnFailed: (message) => send({ type: 'spawn-failed', run, message }),
        exited: (code, signal) => processEnded(run, code, signal),
      },
    )
    if (child === undefined) return
    const source = { id, pid: child.pid }
    const sink = options.sinks.of(spec)
    process = {
      run,
      child,
      memberId,
      pidFile: options.pidFileOf(spec),
      out: sink.attach(child.out, 'out', source),
      error: sink.attach(child.error, 'error', source),
      startedAt: clock.now(),
      spec: whole,
      health: lookAfter(run, child, {
        ...environmentOf({ ...whole, runtime: 'other' }, identity, agent),
        LBM_PID: String(child.pid),
      }),
    }
    balancer.attach({ id: memberId, number, send: child.send })
    writePidFile(process.pidFile, child.pid)
    options.emit({
      ...eventBase(),
      type: 'instance.started',
      id,
      number,
      pid: child.pid,
      generation,
    })
  }

  function wholeSpec(run: number): AppSpec | undefined {
    try {
      return withWholeEnvironment(spec, options.shell)
    } catch (error) {
      send({ type: 'spawn-failed', run, message: (error as Error).message })
      return undefined
    }
  }

  function lookAfter(run: number, child: Child, env: NodeJS.ProcessEnv): Health {
    const { oom, reportsDir, random } = options
    const ofSpec = spec
    const fail = (by: Requester, message: string, kill: boolean): void =>
      send({ type: 'fail', run, by, message, kill })
    return createHealth({
      spec: ofSpec,
      child,
      env,
      clock,
      random,
      oom,
      reportsDir,
      isInService: () => inService,
      on: {
        ready: () => send({ type: 'said-ready', run }),
        readiness(ready, message) {
          const { state } = instance
          if (state.phase !== 'ready' || state.inRotation === ready) return
          options.emit({ ...eventBase(), type: 'instance.readiness', id, number, ready, message })
          send({ type: 'readiness', run, ready })
        },
        fail,
        async replace(by, message) {
          // Beside one that serves it is not needed; and only Node can share its port with a successor.
          if (inService && ofSpec.runtime === 'node') return options.replace(by, message)
          fail(by, message, !inService)
          return true
        },
        noted: publish,
      },
    })
  }

  function drain({ run, idleMs, timeoutMs }: Extract<Effect, { type: 'drain' }>): void {
    process?.child.send(
      { cmd: AGENT_COMMAND, act: 'drain', idleMs, timeoutMs },
      undefined,
      (error) => {
        // A closed channel cannot answer; the stop signal ends what it had open.
        if (error !== null) send({ type: 'drained', run })
      },
    )
  }

  function becameReady(note: string | undefined): void {
    if (note !== undefined) notes.push(note)
    balancer.sweep()
    if (process !== undefined) {
      process.proving = options.wellRuns.ready(process.spec)
      process.health.becameReady()
    }
    options.emit({
      ...eventBase(),
      type: 'instance.ready',
      id,
      number,
      pid: process?.child.pid ?? 0,
      readyAfterMs: clock.wall() - startedAt,
    })
  }

  function receive(run: number, message: FromAgent, handle: NativeHandle | undefined): void {
    if (process?.run !== run) return
    balancer.receive(process.memberId, message, handle)
    process.health.receive(message)
    if (message.act === 'loaded') send({ type: 'loaded', run })
    else if (message.act === 'drained') send({ type: 'drained', run })
    else if (message.act === 'fault') process.fault = message
    else if (message.act === 'report') publishStats(process)
  }

  /** At rest nothing changes, and nothing is sent. */
  function publishStats(reporting: RunningProcess): void {
    const stats = JSON.stringify(statsOf(reporting))
    if (stats === reporting.stats) return
    reporting.stats = stats
    publish()
  }

  function statsOf({ memberId }: RunningProcess): InstanceBalance | undefined {
    const stats = balancer.statsOf(memberId)
    return (
      stats && {
        ...stats,
        loopUtilisation: Math.round(stats.loopUtilisation * 100) / 100,
        loopDelayMs: Math.round(stats.loopDelayMs),
        acceptedPerSecond: Math.round(stats.acceptedPerSecond * 10) / 10,
      }
    )
  }

  function receiveFromApp(run: number, message: unknown): void {
    if (process?.run === run) {
      if (message === 'ready') process.health.saidReady()
      const said = axmAfter(axm, message)
      if (said !== undefined) {
        axm = said
        publish()
      }
    }
    options.emit({ ...eventBase(), type: 'instance.message', id, message })
  }

  function processEnded(run: number, code: number | null, signal: string | null): void {
    if (process?.run === run) {
      const dead = process
      dead.exit = { code, signal }
      dead.health[Symbol.dispose]()
      dead.proving?.[Symbol.dispose]()
      balancer.detach(dead.memberId)
      removePidFile(dead.pidFile, dead.child.pid)
      dead.out.exited(OUTPUT_GRACE_MS)
      dead.error.exited(OUTPUT_GRACE_MS)
    }
    send({ type: 'exited', run, code, signal, random: options.random() })
  }

  function recordDeath(effect: Extract<Effect, { type: 'died' }>): void {
    const dead = process
    process = undefined
    listening = []
    const exit: ExitReason = {
      ...explainExit({
        effect,
        code: dead?.exit?.code ?? null,
        signal: dead?.exit?.signal ?? null,
        fault: dead?.fault,
        bindFailure: dead?.bindFailure,
        isKernelOom: dead !== undefined && wasKilledByKernel(effect, dead),
        pid: dead?.child.pid ?? 0,
        uptimeMs: dead === undefined ? 0 : clock.now() - dead.startedAt,
        atMs: clock.wall(),
      }),
      generation,
      ...dead?.health.facts(),
      ...(effect.requestedBy === 'listen-timeout' ? hindrances(dead) : {}),
    }
    lastExit = exit
    options.deaths.add(exit)
    // The restart does not wait for the pipes; what is told of the death does.
    lastOutput = tellOf(exit, dead).then((told) => {
      if (lastExit === exit) lastExit = told
      options.deaths.replace(exit, told)
      options.emit({
        ...eventBase(),
        type: 'instance.exited',
        id,
        number,
        exit: told,
        willRestartInMs: effect.restartInMs,
      })
      publish()
    })
  }

  /** What stood in the way of its becoming ready. */
  function hindrances(dead: RunningProcess | undefined): { message?: string } {
    const seen = [...notes, ...(dead?.health.notes() ?? [])].join('; ')
    return seen === '' ? {} : { message: seen }
  }

  function wasKilledByKernel(
    { requestedBy }: Extract<Effect, { type: 'died' }>,
    { child, exit }: RunningProcess,
  ): boolean {
    const isKilled = requestedBy === undefined && exit?.signal === 'SIGKILL'
    const isByKernel = isKilled && options.oom.claim(child.pid)
    options.oom.forget(child.pid)
    return isByKernel
  }

  async function tellOf(exit: ExitReason, dead: RunningProcess | undefined): Promise<ExitReason> {
    const changed = isFailure(exit)
      ? await options.wellRuns.changesSince(dead?.spec ?? spec)
      : undefined
    const told = changed === undefined ? exit : { ...exit, changed }
    if (dead === undefined) return told
    await Promise.all([dead.out.ended, dead.error.ended])
    const errorLines = dead.error.lastLines(SEARCHED_LINES)
    return withLastLines(
      told,
      errorLines.length > 0 ? errorLines : dead.out.lastLines(SEARCHED_LINES),
      LAST_LINES,
    )
  }

  function settle({ result, message }: Extract<Effect, { type: 'settle' }>): void {
    const answered = waiters
    waiters = []
    const reply = (): void => {
      const failed = result === 'failed' || result === 'timed-out'
      const outcome: InstanceOutcome = {
        id,
        number,
        result,
        ...(message === undefined ? {} : { message: withHindrance(message, result) }),
        ...(failed && lastExit !== undefined ? { exit: lastExit } : {}),
      }
      for (const answer of answered) answer(outcome)
    }
    if (result === 'ready') reply()
    else void lastOutput.then(reply)
  }

  function withHindrance(message: string, result: string): string {
    if (result !== 'timed-out' || lastExit?.message === undefined) return message
    return `${message}: ${lastExit.message}`
  }

  function report(): InstanceReport {
    const { state, counters } = instance
    const deaths = options.deaths.list()
    // Of a younger generation that failed beside it nothing is its own.
    const last = deaths.find((death) => (death.generation ?? 0) <= generation)
    const told = [...notes, ...(process?.health.notes() ?? [])]
    const stats = process === undefined ? undefined : statsOf(process)
    return {
      id,
      app,
      number,
      generation,
      phase: state.phase === 'ready' && !state.inRotation ? 'unready' : state.phase,
      pid: process?.child.pid ?? 0,
      pidStart: process?.child.pidStart ?? 0,
      startedAt,
      createdAt,
      restarts: counters.restarts,
      unstableRestarts: counters.unstableRestarts,
      quickDeaths: counters.quickDeaths,
      listening,
      notes: state.phase === 'errored' ? [...told, state.message] : told,
      ...axm,
      ...(spec.nodeVersion === undefined ? {} : { nodeVersion: spec.nodeVersion }),
      ...(last === undefined ? {} : { lastExit: last }),
      ...(deaths.length === 0 ? {} : { deaths }),
      ...(stats === undefined ? {} : { balance: stats }),
    }
  }

  return {
    id,
    get number() {
      return number
    },
    generation,
    send,
    nextOutcome: () => new Promise((resolve) => waiters.push(resolve)),
    report,
    adopt(change) {
      spec = change.spec ?? spec
      listens = change.listens ?? listens
      number = change.number ?? number
    },
    setInService(wanted) {
      inService = wanted
      const { state } = instance
      if (process !== undefined)
        balancer.setInRotation(
          process.memberId,
          wanted && state.phase === 'ready' && state.inRotation,
        )
      process?.health.serviceChanged()
    },
    memberId: () => process?.memberId,
    listeningAt(at) {
      listening = [...listening.filter((other) => !isSamePlace(other, at)), at]
      if (process !== undefined) send({ type: 'listening', run: process.run })
    },
    closedAt(at) {
      listening = listening.filter((other) => !isSamePlace(other, at))
      publish()
    },
    bindFailed(text) {
      if (process !== undefined) process.bindFailure = text
      notes.push(text)
      publish()
    },
    note(text) {
      if (notes.includes(text)) return
      notes.push(text)
      publish()
    },
    child: () => process?.child,
    isSilent: () => process?.health.isSilent() ?? false,
    async outputWritten() {
      await lastOutput
    },
  }
}

function isSamePlace(a: ListeningAt, b: ListeningAt): boolean {
  return a.address === b.address && a.port === b.port
}
