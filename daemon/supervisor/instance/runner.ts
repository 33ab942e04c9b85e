/** The edge of one instance: carries out what the machine decides, and turns what happens into events. */

import { AGENT_COMMAND, type FromAgent } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { EventBody, LbmEvent } from '../../../src/contract/events.ts'
import type {
  ExitReason,
  InstanceState as InstanceReport,
  ListeningAt,
  Requester,
} from '../../../src/contract/instance.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { NativeHandle } from '../../balancer/port.ts'
import type { DeathHistory } from '../health/deaths/death-history.ts'
import type { OomLedger } from '../health/deaths/kernel-oom.ts'
import type { WellRuns } from '../health/deaths/well-runs.ts'
import { createHealth, type Health } from '../health/health.ts'
import type { NotifyHub, NotifySocket } from '../health/notify/notify-hub.ts'
import { axmAfter, NO_AXM } from './axm.ts'
import type { Child } from './child.ts'
import { recordDeath, tellDeath } from './death-record.ts'
import { newInstance, nextDeadline, stepInstance } from './machine.ts'
import { createOutcomes } from './outcomes.ts'
import { policyOf } from './policy.ts'
import {
  type ProcessDeps,
  releaseProcess,
  type RunningProcess,
  startRunningProcess,
  statsOf,
} from './running-process.ts'
import type { Effect, Instance, InstanceEvent, InstancePolicy } from './state.ts'
import { withWholeEnvironment } from './whole-environment.ts'

export interface RunnerOptions extends ProcessDeps {
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
  /** The environment of the supervisor. */
  shell: Readonly<Record<string, string | undefined>>
  random: () => number
  /** Of the number, whichever generation they were of. */
  deaths: DeathHistory
  oom: OomLedger
  wellRuns: WellRuns
  notify: NotifyHub
  reportsDir: string
  /** Puts another in its place before it ends. Resolves false when none came up. */
  replace: (by: Requester, message: string) => Promise<boolean>
  leaders: {
    startsAs(runner: Runner, member: number): boolean
    renounced(member: number): void
    isLeader(member: number | undefined): boolean
  }
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
  /** It leads from now on, or does not any more. */
  tellLeader(leader: boolean): void
  child(): Child | undefined
  /** Its event loop does not answer at the moment. */
  isSilent(): boolean
  /** Resolves when all that its processes printed is in the files. */
  outputWritten(): Promise<void>
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
  const outcomes = createOutcomes(() => ({ id, number }))
  const createdAt = known?.createdAt ?? clock.wall()
  const queue: InstanceEvent[] = []
  let stepping = false

  const announce = (body: EventBody): void =>
    options.emit({ v: 1, atMs: clock.wall(), app, ...body })
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
    if (ends && !ended) announce({ type: 'instance.stopping', id, number, by: state.by })
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
        noteDeath(effect)
        break
      case 'errored':
        announce({ type: 'instance.errored', id, number, message: effect.message })
        break
      case 'settle':
        outcomes.settle(effect, lastOutput, () => lastExit)
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
    const whole = wholeSpec(run)
    if (whole === undefined) return
    process = startRunningProcess(
      {
        run,
        id,
        number,
        spec,
        whole,
        notifySocket: notifySocket?.path,
        leads: (member) => options.leaders.startsAs(runner, member),
        lookAfter: (child, env) => lookAfter(run, child, env),
        on: {
          agent: (message, handle) => receive(run, message, handle),
          message: (message) => receiveFromApp(run, message),
          spawnFailed: (message) => send({ type: 'spawn-failed', run, message }),
          exited: (code, signal) => processEnded(run, code, signal),
        },
      },
      options,
    )
    if (process === undefined) return
    // Nobody waits for a job to be ready: what guards it begins at once.
    if (spec.job !== undefined) process.health.becameReady()
    announce({ type: 'instance.started', id, number, pid: process.child.pid, generation })
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
          announce({ type: 'instance.readiness', id, number, ready, message })
          send({ type: 'readiness', run, ready })
        },
        fail,
        async replace(by, message) {
          // Beside one that serves it is not needed; and only Node can share its port with a successor.
          const mayHaveOneBeside = ofSpec.runtime === 'node' && ofSpec.job === undefined
          if (inService && mayHaveOneBeside) return options.replace(by, message)
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
    announce({
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
    else if (message.act === 'renounced') options.leaders.renounced(process.memberId)
    else if (message.act === 'fault') process.fault = message
    else if (message.act === 'report') publishStats(process)
  }

  /** At rest nothing changes, and nothing is sent. */
  function publishStats(reporting: RunningProcess): void {
    const stats = JSON.stringify(statsOf(reporting, balancer))
    if (stats === reporting.stats) return
    reporting.stats = stats
    publish()
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
    announce({ type: 'instance.message', id, message })
  }

  function processEnded(run: number, code: number | null, signal: string | null): void {
    if (process?.run === run) releaseProcess(process, { code, signal }, balancer)
    send({ type: 'exited', run, code, signal, random: options.random() })
  }

  function noteDeath(effect: Extract<Effect, { type: 'died' }>): void {
    const dead = process
    process = undefined
    listening = []
    const exit = recordDeath(effect, dead, { clock, oom: options.oom, generation, notes })
    lastExit = exit
    options.deaths.add(exit)
    // The restart does not wait for the pipes; what is told of the death does.
    lastOutput = tellDeath(exit, dead, { wellRuns: options.wellRuns, spec }).then((told) => {
      if (lastExit === exit) lastExit = told
      options.deaths.replace(exit, told)
      announce({
        type: 'instance.exited',
        id,
        number,
        exit: told,
        willRestartInMs: effect.restartInMs,
      })
      publish()
    })
  }

  function report(): InstanceReport {
    const { state, counters } = instance
    const deaths = options.deaths.list()
    // Of a younger generation that failed beside it nothing is its own.
    const last = deaths.find((death) => (death.generation ?? 0) <= generation)
    const told = [...notes, ...(process?.health.notes() ?? [])]
    const stats = process === undefined ? undefined : statsOf(process, balancer)
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
      ...(spec.leader ? { leader: options.leaders.isLeader(process?.memberId) } : {}),
      ...(spec.nodeVersion === undefined ? {} : { nodeVersion: spec.nodeVersion }),
      ...(last === undefined ? {} : { lastExit: last }),
      ...(deaths.length === 0 ? {} : { deaths }),
      ...(stats === undefined ? {} : { balance: stats }),
    }
  }

  const runner: Runner = {
    id,
    get number() {
      return number
    },
    generation,
    send,
    nextOutcome: outcomes.next,
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
    tellLeader(leader) {
      process?.child.send({ cmd: AGENT_COMMAND, act: 'leader', leader })
      publish()
    },
    child: () => process?.child,
    isSilent: () => process?.health.isSilent() ?? false,
    async outputWritten() {
      await lastOutput
    },
  }
  return runner
}

function isSamePlace(a: ListeningAt, b: ListeningAt): boolean {
  return a.address === b.address && a.port === b.port
}
