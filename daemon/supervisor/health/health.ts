/** Looks after one process: is it ready, does it answer, has it outgrown its memory, has it served long enough. */

import type { FromAgent } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import type { ExitReason, Requester } from '../../../src/contract/instance.ts'
import { formatDuration } from '../../../src/contract/units.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Child } from '../instance/child.ts'
import type { OomLedger } from './deaths/kernel-oom.ts'
import { guardAgainstHangs } from './hang/hang-guard.ts'
import { guardMemory } from './memory/memory-guard.ts'
import type { Notification } from './notify/notification.ts'
import { createWatchdog } from './notify/watchdog.ts'
import { startInstanceProbes } from './probes/instance-probes.ts'
import { lifespanOf } from './recycle-policy.ts'
import { createReplacement } from './replacement.ts'
import { createRotation } from './rotation.ts'

export interface HealthEvents {
  ready: () => void
  readiness: (ready: boolean, message: string) => void
  /** It must end; with `kill` now. */
  fail: (by: Requester, message: string, kill: boolean) => void
  /** It should go once another is there. Resolves false when none came up. */
  replace: (by: Requester, message: string) => Promise<boolean>
  /** `notes()` says something else than before. */
  noted: () => void
}

export interface HealthOptions {
  spec: AppSpec
  child: Child
  /** Of what is run on behalf of the instance. */
  env: NodeJS.ProcessEnv
  clock: Clock
  random: () => number
  oom: OomLedger
  reportsDir: string
  /** False while another serves in its place: its silence then keeps no connection waiting. */
  isInService: () => boolean
  on: HealthEvents
}

export interface Health extends Disposable {
  receive(message: FromAgent): void
  /** By `process.send('ready')`. */
  saidReady(): void
  /** By sd_notify. */
  notified(notification: Notification): void
  becameReady(): void
  serviceChanged(): void
  /** It ends what it has begun, and is asked nothing more. */
  draining(): void
  /** It was asked to stop, and need not answer anything. */
  stopping(): void
  notes(): string[]
  isSilent(): boolean
  /** For the record of its death. */
  facts(): Pick<ExitReason, 'rssBytes' | 'loopDelayMs' | 'report'>
}

/** What replacing takes beyond the time until the new one is ready. */
const REPLACEMENT_MARGIN_MS = 250

export function createHealth(options: HealthOptions): Health {
  const { spec, child, clock, oom, on } = options
  const { pid } = child
  const bornMs = clock.now()
  const lifespan = lifespanOf(spec, options.random())
  const notes = new Map<string, string>()
  const facts: ReturnType<Health['facts']> = {}
  let phase: 'starting' | 'ready' | 'ending' = 'starting'
  let hasFailed = false
  let isKilled = false
  let hasLoaded = false
  let readyAfterMs = 0

  const rotation = createRotation(on.readiness, (who) => who !== 'silence' || options.isInService())

  function note(key: string, text: string | undefined): void {
    if (notes.get(key) === text) return
    if (text === undefined) notes.delete(key)
    else notes.set(key, text)
    on.noted()
  }

  function fail(by: Requester, message: string, kill: boolean): void {
    if (isKilled || (hasFailed && !kill)) return
    hasFailed = true
    isKilled = kill
    on.fail(by, message, kill)
  }

  const replacement = createReplacement({
    clock,
    replace: on.replace,
    note: (text) => note('replacement', text),
  })

  function requestReplacement(by: Requester, message: string): void {
    if (phase === 'ready' && !hasFailed) void replacement.request(by, message)
  }

  async function notAlive(message: string): Promise<void> {
    if (phase === 'starting') fail('probe', message, true)
    // Nobody comes up beside it: then it is started anew in its own place.
    else if ((await replacement.request('probe', message)) === 'failed')
      fail('probe', message, false)
  }

  function draining(): void {
    phase = 'ending'
    probes.stop()
  }

  const probes = startInstanceProbes({
    spec,
    child,
    env: options.env,
    clock,
    on: {
      ready: on.ready,
      unready: (why) => rotation.set('probe', why),
      complaint: note,
      notAlive: (why) => void notAlive(why),
    },
  })

  const hangs = guardAgainstHangs({
    app: spec.name,
    pid,
    hangTimeoutMs: spec.hangTimeoutMs,
    clock,
    reportsDir: options.reportsDir,
    canReport: () => child.isConnected(),
    on: {
      silent(why, silentMs) {
        if (why !== undefined) facts.loopDelayMs = Math.round(silentMs)
        note('silence', why)
        rotation.set('silence', why)
      },
      hung(message, report) {
        if (report !== undefined) facts.report = report
        fail('hang', message, true)
      },
      // While it loads its modules it may block for long: that is for the listen time-out to judge.
      mayEnd: () => hasLoaded,
    },
  })

  const memory = guardMemory({
    pid,
    wholeTree: spec.runtime !== 'node',
    limitBytes: spec.maxMemoryBytes,
    replacementMs: () => readyAfterMs + REPLACEMENT_MARGIN_MS,
    clock,
    onSample(rssBytes) {
      facts.rssBytes = rssBytes
      oom.watch(pid)
      const ageMs = clock.now() - bornMs
      if (lifespan.ageMs !== undefined && ageMs >= lifespan.ageMs)
        requestReplacement('max-age', `ran for ${formatDuration(ageMs)} (max_age)`)
    },
    onVerdict(verdict, message) {
      if (verdict === 'kill') fail('memory', message, true)
      else if (phase === 'starting') fail('memory', `${message} before it was ready`, true)
      else requestReplacement('memory', message)
    },
  })

  const watchdog = createWatchdog(spec.hangTimeoutMs, clock, (message) =>
    fail('hang', message, true),
  )

  oom.watch(pid)
  if (spec.runtime === 'node') hangs.begin()
  return {
    receive(message) {
      probes.receive(message)
      if (message.act === 'loaded' || message.act === 'listening') hasLoaded = true
      if (message.act !== 'report') return
      hangs.reported()
      facts.loopDelayMs = message.loopDelayMs
      if (lifespan.requests !== undefined && message.requests >= lifespan.requests)
        requestReplacement('max-requests', `served ${message.requests} requests (max_requests)`)
    },
    saidReady: probes.saidReady,
    notified(notification) {
      watchdog.receive(notification)
      if (notification.status !== undefined) note('status', `status: ${notification.status}`)
      if (notification.stopping) rotation.set('notice', 'it says that it is stopping')
      if (notification.ready) probes.saidReady()
    },
    becameReady() {
      // A spare is ready long before it is chosen.
      if (phase === 'starting') readyAfterMs = clock.now() - bornMs
      phase = 'ready'
      probes.becameReady()
      rotation.tell()
    },
    serviceChanged: rotation.tell,
    draining,
    stopping() {
      draining()
      hangs[Symbol.dispose]()
      watchdog[Symbol.dispose]()
    },
    notes: () => [...notes.values()],
    isSilent: () => notes.has('silence'),
    facts: () => facts,
    [Symbol.dispose]() {
      for (const part of [probes, hangs, memory, watchdog]) part[Symbol.dispose]()
    },
  }
}
