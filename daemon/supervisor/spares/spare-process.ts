/** One spare: a process without a number. What it says is kept for whoever takes it. */

import type { FromAgent } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { ListeningAt } from '../../../src/contract/instance.ts'
import { after } from '../../kernel/clock.ts'
import { type Axm, axmAfter, NO_AXM } from '../instance/axm.ts'
import { describeExit, explainExit } from '../instance/exit-reason.ts'
import type { ProcessEvents } from '../instance/process-events.ts'
import {
  type LaunchDeps,
  launchProcess,
  releaseProcess,
  type RunningProcess,
} from '../instance/running-process.ts'
import { QUIET_READY_MS } from '../instance/steps/start-process.ts'
import type { Sinks } from '../logs/sinks.ts'
import { type Asked, isPrepared } from './prepared.ts'

/** Where an instance has its id: it has none yet. */
export const NO_ID = -1
/** The newest messages of the app that are told when it has an id. */
const MAX_KEPT_MESSAGES = 100

export interface SpareStart {
  /** Beyond those of the instances. */
  number: number
  spec: AppSpec
  whole: AppSpec
  /** Of the instance `logId`: a place for what it prints before it has one of its own. */
  sinks: Sinks
  logId: number
  asked: () => Asked
  on: {
    prepared: () => void
    unready: () => void
    /** Without a message it is no failure. */
    fail: (message: string | undefined, kill: boolean) => void
    ended: (message: string) => void
  }
}

export interface SpareProcess {
  readonly process: RunningProcess
  /** What it was made of, as it is stored. */
  readonly spec: AppSpec
  /** Of its environment. */
  readonly number: number
  readonly said: { listening: ListeningAt[]; axm: Axm }
  /** Resolves when it has ended, or is forgotten. */
  readonly gone: Promise<void>
  listeningAt(at: ListeningAt): void
  closedAt(at: ListeningAt): void
  bindFailed(text: string): void
  forget(): void
  /** From now on `to` hears of it, beginning with what was held back. */
  hand(to: ProcessEvents): void
}

/** @returns undefined when nothing was spawned; `ended` says why */
export function startSpare(start: SpareStart, deps: LaunchDeps): SpareProcess | undefined {
  const { number, spec, whole, sinks, logId, asked, on } = start
  const { balancer, clock } = deps
  const said: SpareProcess['said'] = { listening: [], axm: NO_AXM }
  const heldListens: FromAgent[] = []
  let messages: unknown[] = []
  let isQuiet = false
  let hasSaidReady = false
  let isFit = true
  let tellGone = (): void => undefined
  const gone = new Promise<void>((resolve) => {
    tellGone = resolve
  })

  function look(): void {
    // It hears at once of an objection that its health has already.
    if (isFitToServe()) process?.health.becameReady()
    if (isFitToServe()) on.prepared()
    else on.unready()
  }

  function isFitToServe(): boolean {
    const { listening } = said
    const wantsDatagrams = heldListens.length > 0
    return isFit && isPrepared({ isQuiet, hasSaidReady, listening, wantsDatagrams }, asked())
  }

  /** Whoever took it has sinks of its own. */
  function closeSinks(): void {
    void sinks[Symbol.asyncDispose]()
  }

  const own: ProcessEvents = {
    agent(message, handle) {
      if (process === undefined) return
      if (isUdpListen(message)) heldListens.push(message)
      else balancer.receive(process.memberId, message, handle)
      process.health.receive(message)
      if (message.act === 'fault') process.fault = message
      if (message.act === 'loaded')
        clock.at(after(clock.now(), QUIET_READY_MS), () => {
          isQuiet = true
          if (to === own) look()
        })
      if (message.act === 'listen') look()
    },
    message(message) {
      if (message === 'ready') process?.health.saidReady()
      const axm = axmAfter(said.axm, message)
      if (axm === undefined) messages = [...messages, message].slice(-MAX_KEPT_MESSAGES)
      else said.axm = axm
    },
    spawnFailed: on.ended,
    exited(code, signal) {
      tellGone()
      if (process === undefined) return
      releaseProcess(process, { code, signal }, balancer)
      on.ended(whyEnded(process, code, signal, clock))
      void Promise.all([process.out.ended, process.error.ended]).then(closeSinks)
    },
    isInService: () => false,
    ready() {
      hasSaidReady = true
      look()
    },
    readiness(ready) {
      isFit = ready
      look()
    },
    fail: (_by, message, kill) => on.fail(message, kill),
    async replace() {
      on.fail(undefined, false)
      return true
    },
    noted: () => undefined,
  }
  let to = own

  const process = launchProcess(
    {
      run: 0,
      id: NO_ID,
      number,
      spec,
      whole,
      notifySocket: undefined,
      leads: () => false,
      on: relay(() => to),
    },
    deps,
    { sink: sinks.of(spec), id: logId, isSpare: true },
  )

  if (process === undefined) {
    closeSinks()
    return undefined
  }
  return {
    process,
    spec,
    number,
    said,
    gone,
    listeningAt(at) {
      said.listening = [...said.listening, at]
      look()
    },
    closedAt(at) {
      const { address, port } = at
      said.listening = said.listening.filter((one) => one.address !== address || one.port !== port)
      look()
    },
    bindFailed(text) {
      process.bindFailure = text
    },
    forget: tellGone,
    hand(listener) {
      to = listener
      for (const message of heldListens) balancer.receive(process.memberId, message)
      for (const message of messages) listener.message(message)
      closeSinks()
    },
  }
}

function isUdpListen(message: FromAgent): boolean {
  return message.act === 'listen' && ['udp4', 'udp6'].includes(String(message.query.addressType))
}

function relay(to: () => ProcessEvents): ProcessEvents {
  return {
    agent: (message, handle) => to().agent(message, handle),
    message: (message) => to().message(message),
    spawnFailed: (message) => to().spawnFailed(message),
    exited: (code, signal) => to().exited(code, signal),
    isInService: () => to().isInService(),
    ready: () => to().ready(),
    readiness: (ready, message) => to().readiness(ready, message),
    fail: (by, message, kill) => to().fail(by, message, kill),
    replace: (by, message) => to().replace(by, message),
    noted: () => to().noted(),
  }
}

function whyEnded(
  { child, fault, bindFailure, startedAt }: RunningProcess,
  code: number | null,
  signal: string | null,
  clock: LaunchDeps['clock'],
): string {
  return describeExit(
    explainExit({
      effect: { type: 'died', run: 0, wasReady: false, restartInMs: null },
      code,
      signal,
      fault,
      bindFailure,
      isKernelOom: false,
      pid: child.pid,
      uptimeMs: clock.now() - startedAt,
      atMs: clock.wall(),
    }),
  )
}
