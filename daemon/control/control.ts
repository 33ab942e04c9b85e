/** What the methods work on, put together: desired state, supervisors, and what follows a change of an app. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import type { Requester } from '../../src/contract/instance.ts'
import { logFilesOf, pidFileOf } from '../../src/contract/log-files.ts'
import type { InstanceOutcome } from '../../src/contract/supervisor.ts'
import type { Hello } from '../../src/contract/version.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { type BootLine, type BootLineOptions, createBootLine } from './boot-line.ts'
import { rolloutBudgetMs } from './budgets.ts'
import { converge, type ConvergenceOptions } from './converge.ts'
import { createCronJobs, type CronJobs } from './cron.ts'
import { desiredRunning } from './definitions.ts'
import { createNeeds, type Needs } from './dependencies/needs.ts'
import { createEventHub, type EventHub } from './event-hub.ts'
import { createInstanceCache, type InstanceCache, isActive, isAlive } from './instance-cache.ts'
import { createJobs } from './jobs/jobs.ts'
import { createMetrics, type Metrics, type MetricsOptions } from './metrics.ts'
import { createProxies, type Proxies } from './proxies.ts'
import type { ActualApp } from './reconcile.ts'
import { readPortFacts, withSlotBase } from './slot-ports.ts'
import type { LastingVariables } from './state-format.ts'
import type { Store } from './store.ts'
import type { Spawned } from './supervisor-link.ts'
import { type AdoptOptions, createSupervisors, type Supervisors } from './supervisors.ts'
import { createWatchers, type Watchers } from './watch.ts'

const SNAPSHOT_MS = 5000
const SAVE_SOON_MS = 1000

export interface ControlOptions {
  home: HomePaths
  hello: Hello
  clock: Clock
  log: Log
  store: Store
  lasting: LastingVariables
  /** Absolute path of the installed supervisor. */
  supervisorProgram: string
  spawnSupervisor: (id: string) => Spawned
  measuring: Pick<MetricsOptions, 'measure' | 'glance' | 'scan' | 'cpuMs'> &
    Pick<BootLineOptions, 'cpuMsOf'>
}

export interface Control extends Disposable {
  home: HomePaths
  hello: Hello
  clock: Clock
  log: Log
  store: Store
  lasting: LastingVariables
  supervisorProgram: string
  startedAt: number
  supervisors: Supervisors
  instances: InstanceCache
  hub: EventHub
  metrics: Metrics
  watchers: Watchers
  cron: CronJobs
  needs: Needs
  bootLine: BootLine
  proxies: Proxies
  /** Apps that a command of this daemon reloads now. */
  reloading: Set<string>
  /** The record is what is desired from now on; the caller awaits `store.saved()` before it answers. */
  apply(record: AppRecord): void
  forget(key: string): void
  /** Finds what runs, and makes it what is desired. Resolves when it is found; the rest follows. */
  adopt(how: AdoptOptions): Promise<void>
}

export function createControl(options: ControlOptions): Control {
  const { home, clock, log, store } = options
  const bootLine = createBootLine({
    clock,
    pidOf: (id) => instances.find(id)?.pid ?? 0,
    cpuMsOf: options.measuring.cpuMsOf,
  })
  const instances = createInstanceCache((state) => {
    if (state !== undefined) bootLine.changed(state)
    proxies.instanceChanged()
    needs.changed()
    const record = state === undefined ? undefined : store.find(state.app)
    if (state !== undefined && record?.spec.job !== undefined) jobs.changed(record, state)
  })
  const needs = createNeeds({ apps: store.apps, instances })
  const hub = createEventHub(store.find)
  const reloading = new Set<string>()

  const allSupervisors = createSupervisors({
    runDir: home.runDir,
    hello: options.hello,
    clock,
    log,
    spawn: options.spawnSupervisor,
    instances,
    find: store.find,
    onListens(key) {
      update(key, { listens: true })
      saveSoon()
    },
    onFound: takeOver,
    onEvent(event) {
      if (event.type === 'instance.started') metrics.noteChange()
      const isForeign = event.type === 'rollout.ended' && !reloading.has(event.app)
      if (isForeign) track(learnDefinition(event.app))
      hub.publish(event)
    },
  })

  const proxies = createProxies({
    home,
    clock,
    log,
    store,
    instances,
    supervisors: allSupervisors,
  })
  const { supervisors } = proxies

  const metrics = createMetrics({
    ...options.measuring,
    clock,
    log,
    targets: () =>
      store.apps().flatMap((record) =>
        instances
          .of(record)
          .filter((state) => isAlive(state) && state.pid > 0)
          .map(({ id, pid }) => ({ id, pid, wholeTree: record.spec.mode === 'fork' })),
      ),
  })

  const watchers = createWatchers({
    clock,
    log,
    ownPaths: (record) => ownPaths(record, home),
    async restart(key, files) {
      publish(key, { type: 'watch.restart', files })
      await restartRunning(key, 'watch')
    },
    onSuspended: (key, message) => publish(key, { type: 'watch.suspended', message }),
  })
  const jobs = createJobs({
    log,
    instances,
    supervisors,
    keep: (record) => learn(record.key, record),
    skipped(key, message) {
      log('job.skipped', { app: key, message })
      publish(key, { type: 'job.skipped', message })
    },
  })
  const cron = createCronJobs({
    log,
    async due(key) {
      const record = store.find(key)
      if (record?.spec.job === undefined) await restartRunning(key, 'cron')
      else await jobs.due(record)
    },
  })

  type OwnEvent = Extract<LbmEvent, { type: 'watch.restart' | 'watch.suspended' | 'job.skipped' }>
  type Body<E> = E extends unknown ? Omit<E, 'v' | 'atMs' | 'app'> : never

  function publish(app: string, body: Body<OwnEvent>): void {
    hub.publish({ v: 1, atMs: clock.wall(), app, ...body })
  }

  async function restartRunning(key: string, by: Requester): Promise<void> {
    const record = store.find(key)
    const ids = record === undefined ? [] : runningOf(record)
    if (record === undefined || ids.length === 0) return
    const { runtime, mode } = record.spec
    // A program without the agent cannot share its port with a successor.
    const rolling = mode === 'cluster' || (by === 'cron' && runtime === 'node')
    const { outcomes } = await supervisors.call(
      record,
      'instances.restart',
      { key, ids, by, wait: true, rolling },
      rolloutBudgetMs(record.spec, ids.length),
    )
    for (const { number, result, message } of outcomes.filter(isFailure)) {
      log('restart.failed', { app: key, by, number, result, message })
    }
  }

  /** A job that is not at work is not to be set to work by a change of files. */
  function runningOf(record: AppRecord): number[] {
    const ids = desiredRunning(record)
    if (record.spec.job === undefined) return ids
    const active = instances.of(record).filter(isActive)
    return ids.filter((id) => active.some((state) => state.id === id))
  }

  function apply(given: AppRecord): void {
    const record = withSlotBase(given, store.apps(), readPortFacts)
    store.put(record)
    proxies.changed()
    watchers.sync(record)
    cron.sync(record)
    needs.changed()
  }

  /** What is learnt is no change that somebody waits for: it is saved when it can be. */
  function learn(key: string, change: Partial<AppRecord>): void {
    update(key, change)
    track(store.saved())
  }

  function update(key: string, change: Partial<AppRecord>): void {
    const record = store.find(key)
    if (record !== undefined) apply({ ...record, ...change })
  }

  let saving: Disposable | undefined

  /** For what a supervisor tells again: many apps that start at once are saved once. */
  function saveSoon(): void {
    saving ??= clock.at(after(clock.now(), SAVE_SOON_MS), () => {
      saving = undefined
      track(store.saved())
    })
  }

  function track(work: Promise<void>): void {
    work.catch((error: unknown) => log('background.failed', { message: (error as Error).message }))
  }

  const convergence: ConvergenceOptions = {
    runDir: home.runDir,
    clock,
    log,
    store,
    supervisors,
    needs,
    bootLine,
    apply,
  }

  /** A supervisor that was slow to answer: its apps alone are looked at. */
  function takeOver(found: ActualApp[]): void {
    const keys = new Set(found.map(({ record }) => record.key))
    const desired = store.apps().filter(({ key }) => keys.has(key))
    converge(desired, found, convergence)
  }

  /** A reload that an earlier daemon asked for has ended: what runs now is the definition. */
  async function learnDefinition(key: string): Promise<void> {
    const record = store.find(key)
    if (record === undefined) return
    const { apps } = await supervisors.call(record, 'supervisor.snapshot', {}, SNAPSHOT_MS)
    const spec = apps.find((app) => app.record.key === key)?.record.spec
    if (spec !== undefined) learn(key, { spec })
  }

  return {
    home,
    hello: options.hello,
    clock,
    log,
    store,
    lasting: options.lasting,
    supervisorProgram: options.supervisorProgram,
    startedAt: clock.wall(),
    supervisors,
    instances,
    hub,
    metrics,
    watchers,
    cron,
    needs,
    bootLine,
    proxies,
    reloading,
    apply,
    forget(key) {
      store.remove(key)
      watchers.forget(key)
      cron.forget(key)
      proxies.changed()
      jobs.forget(key)
      needs.changed()
    },
    async adopt(how) {
      const actual = await supervisors.adopt(how)
      converge(store.apps(), actual, convergence)
      proxies.changed()
    },
    [Symbol.dispose]() {
      saving?.[Symbol.dispose]()
      bootLine[Symbol.dispose]()
      proxies[Symbol.dispose]()
      metrics[Symbol.dispose]()
      watchers[Symbol.dispose]()
      cron[Symbol.dispose]()
    },
  }
}

function isFailure({ result }: InstanceOutcome): boolean {
  return result === 'failed' || result === 'timed-out'
}

function ownPaths(record: AppRecord, home: HomePaths): string[] {
  const files = record.slots.flatMap(({ id }) => [
    ...Object.values(logFilesOf(record.spec, home.logsDir, id)),
    pidFileOf(record.spec, home.pidsDir, id),
  ])
  return [home.root, ...new Set(files)]
}
