/** One app in a supervisor: its instances, its listeners, its log files, and the commands on them. */

import { join } from 'node:path'

import type { AppRecord, AppSpec, SlotRecord } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import type { InstanceState as InstanceReport, Requester } from '../../src/contract/instance.ts'
import { type LogFiles, logFilesOf, pidFileOf } from '../../src/contract/log-files.ts'
import type { InstanceOutcome, RolloutOutcome } from '../../src/contract/supervisor.ts'
import { createBalancer } from '../balancer/balancer.ts'
import type { InheritedListener } from '../balancer/port.ts'
import type { Clock } from '../kernel/clock.ts'
import type { OomLedger } from './health/deaths/kernel-oom.ts'
import { createWellRuns } from './health/deaths/well-runs.ts'
import type { NotifyHub } from './health/notify/notify-hub.ts'
import type { Hooks } from './hooks/hooks.ts'
import type { Runner } from './instance/runner.ts'
import { createLeaders } from './leadership/leaders.ts'
import type { LogFilesRegistry } from './logs/log-files-registry.ts'
import type { LogPipes } from './logs/log-pipe.ts'
import { type LogSink, openLogSink } from './logs/log-sink.ts'
import { createSinks } from './logs/sinks.ts'
import { describeBindFailure } from './port-holder.ts'
import { createReloads, type ReloadRequest } from './rollout/reloads.ts'
import { createSlot, isAtRest, type Slot } from './slot.ts'
import { createSlots } from './slots/slots.ts'

export interface HostDeps {
  clock: Clock
  random: () => number
  home: HomePaths
  agentPath: string
  /** The environment of the supervisor. */
  shell: Readonly<Record<string, string | undefined>>
  pipes: LogPipes
  /** One for the supervisor, so that a file has one writer. */
  logFiles: LogFilesRegistry
  nextMemberId: () => number
  oom: OomLedger
  notify: NotifyHub
  hooks: Hooks
  changed: (report: InstanceReport) => void
  /** Some process came or went. */
  processesChanged: () => void
  removed: (app: string, id: number) => void
  listens: (app: string) => void
  emit: (event: LbmEvent) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface AppHost {
  readonly key: string
  record(): AppRecord
  /** Of those that serve, one a number. */
  reports(): InstanceReport[]
  /** Every runner, those beside the serving ones too. */
  runners(): Runner[]
  /** Takes a new definition and new slots; what runs goes on as it was started. */
  put(record: AppRecord, known: readonly InstanceReport[]): void
  start(
    ids: readonly number[],
    how: { wait: boolean; rollBack: boolean },
  ): Promise<InstanceOutcome[]>
  stop(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]>
  restart(
    ids: readonly number[],
    how: { by: Requester; wait: boolean; rolling: boolean },
  ): Promise<InstanceOutcome[]>
  reload(request: ReloadRequest): Promise<RolloutOutcome>
  /** @returns false when no reload is under way */
  abortReload(how: { undo: boolean; message: string }): boolean
  remove(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]>
  /** @throws LbmError APP_NOT_FOUND when the app has no such instance */
  runner(id: number): Runner
  sinks(): LogSink[]
  /** The listening sockets, for a successor of this supervisor. */
  listeners(): InheritedListener[]
  /** Takes over a listening socket of the predecessor. */
  inherit(listener: InheritedListener): void
  /** Binds anew the socket files that went with it. */
  restoreFiles(): void
  /** Chooses a leader where the app wants one: the predecessor has none any more. */
  elect(): void
  /** Chooses none any more. Resolves when no instance believes that it leads. */
  renounce(): Promise<void>
  /** Stops everything and lets go of ports and files. */
  close(by: Requester): Promise<InstanceOutcome[]>
}

export function createAppHost(
  first: AppRecord,
  known: readonly InstanceReport[],
  deps: HostDeps,
  how: { elects: boolean } = { elects: true },
): AppHost {
  const { key } = first
  let record = first
  let elects = how.elects
  const slots = new Map<number, Slot>()
  /** Ids of those that are on their way out. */
  const removing = new Set<number>()
  const allRunners = (): Runner[] => [...slots.values()].flatMap((slot) => slot.runners())
  const ofMember = (memberId: number): Runner | undefined =>
    allRunners().find((runner) => runner.memberId() === memberId)

  const inner = createBalancer({
    mode: record.spec.mode,
    spec: record.spec.balance,
    clock: deps.clock,
    random: deps.random,
    onListening(memberId, at) {
      learnThatItListens()
      ofMember(memberId)?.listeningAt(at)
    },
    onClosed: (memberId, at) => ofMember(memberId)?.closedAt(at),
    onBindFailed: (memberId, at, errno) =>
      ofMember(memberId)?.bindFailed(describeBindFailure(at, errno)),
    log: (event, fields) => deps.log(event, { app: key, ...fields }),
  })

  const addresses = createSlots(inner, {
    record: () => record,
    clock: deps.clock,
    onBindFailed(number, address, errno) {
      const at =
        address.type === 'tcp'
          ? { address: address.host, port: address.port }
          : { address: address.path, port: -1 }
      const what = `slot ${number}: ${describeBindFailure(at, errno)}`
      for (const runner of allRunners()) if (runner.number === number) runner.note(what)
    },
    log: (event, fields) => deps.log(event, { app: key, ...fields }),
  })
  const { balancer } = addresses

  const reloads = createReloads({
    clock: deps.clock,
    app: key,
    emit: deps.emit,
    slot: (id) => slots.get(id),
    record: () => record,
    commit(spec) {
      record = { ...record, spec }
      for (const slot of slots.values()) slot.adopt({ spec })
      balancer.setSpec(spec.balance)
      addresses.update()
      leaders.update()
    },
  })

  const leaders = createLeaders({
    isWanted: () => record.spec.leader && elects,
    runners: allRunners,
    isServing: (runner) => [...slots.values()].some((slot) => slot.current() === runner),
    elected: ({ id, number }) =>
      deps.emit({ v: 1, atMs: deps.clock.wall(), app: key, type: 'leader.elected', id, number }),
  })

  const wellRuns = createWellRuns({
    dir: join(deps.home.runDir, 'well'),
    app: key,
    clock: deps.clock,
    random: deps.random,
    log: deps.log,
  })

  function learnThatItListens(): void {
    if (record.listens) return
    record = { ...record, listens: true }
    for (const slot of slots.values()) slot.adopt({ listens: true })
    deps.listens(key)
  }

  function addSlot(slotRecord: SlotRecord, knownReport: InstanceReport | undefined): void {
    const { spec, listens } = record
    const { id } = slotRecord
    const open = (ofSpec: AppSpec, files: LogFiles): LogSink =>
      openLogSink({
        appName: ofSpec.name,
        spec: ofSpec.logs,
        files,
        registry: deps.logFiles,
        clock: deps.clock,
        onDropped: ({ lines, message }) =>
          deps.emit({
            v: 1,
            atMs: deps.clock.wall(),
            app: key,
            type: 'logs.dropped',
            id,
            lines,
            message,
          }),
      })
    const slot = createSlot({
      record: slotRecord,
      spec,
      listens,
      known: knownReport,
      sinks: createSinks({ filesOf: (ofSpec) => logFilesOf(ofSpec, deps.home.logsDir, id), open }),
      pidFileOf: (ofSpec) => pidFileOf(ofSpec, deps.home.pidsDir, id),
      basics: {
        app: key,
        agentPath: deps.agentPath,
        shell: deps.shell,
        pipes: deps.pipes,
        clock: deps.clock,
        random: deps.random,
        balancer,
        nextMemberId: deps.nextMemberId,
        oom: deps.oom,
        wellRuns,
        notify: deps.notify,
        leaders,
        reportsDir: deps.home.reportsDir,
        emit(event) {
          deps.emit(event)
          deps.hooks.fire(record.spec, event)
        },
      },
      replace: replaceServing,
      changed(report) {
        reloads.servingChanged(report)
        deps.changed(report)
        leaders.update()
        releaseWhenAtRest()
      },
      risingChanged(report) {
        reloads.risingChanged(report)
        deps.processesChanged()
      },
      othersChanged() {
        deps.processesChanged()
        leaders.update()
        releaseWhenAtRest()
      },
    })
    slots.set(id, slot)
  }

  /** A guard's request: a new one beside it first, since it still serves what it has. */
  async function replaceServing(serving: Runner, by: Requester, message: string): Promise<boolean> {
    const { id } = serving
    const child = serving.child()
    const { result } = await reloads.reload({
      by,
      message,
      ids: [id],
      supersede: false,
      isUrgent: true,
      // Another rollout, or its death, may have replaced it meanwhile.
      isWanted: () => slots.get(id)?.current() === serving && serving.child() === child,
    })
    return result === 'done'
  }

  /** A port belongs to the app while it runs; at rest others may have it. */
  function releaseWhenAtRest(): void {
    if (allRunners().every(isAtRest)) balancer.release()
  }

  function slotOf(id: number): Slot {
    const slot = slots.get(id)
    if (slot === undefined)
      throw new LbmError(
        'APP_NOT_FOUND',
        `App "${record.spec.name}" has no instance with id ${id}.`,
      )
    return slot
  }

  const runner = (id: number): Runner => slotOf(id).current()

  function put(next: AppRecord, knownReports: readonly InstanceReport[]): void {
    record = { ...next, listens: next.listens || record.listens }
    for (const slot of record.slots) {
      const existing = slots.get(slot.id)
      if (existing === undefined)
        addSlot(
          slot,
          knownReports.find(({ id }) => id === slot.id),
        )
      else existing.adopt({ spec: record.spec, listens: record.listens, number: slot.number })
    }
    balancer.setSpec(record.spec.balance)
    addresses.update()
    endForgotten()
  }

  /** A daemon that died, or lost its way here, may have deleted an app of this key and made another. */
  function endForgotten(): void {
    const wanted = new Set(record.slots.map(({ id }) => id))
    const forgotten = [...slots.keys()].filter((id) => !wanted.has(id) && !removing.has(id))
    if (forgotten.length === 0) return
    remove(forgotten, 'scale').catch((error: unknown) =>
      deps.log('instances.not-removed', { app: key, message: (error as Error).message }),
    )
  }

  async function start(
    ids: readonly number[],
    { wait, rollBack }: { wait: boolean; rollBack: boolean },
  ): Promise<InstanceOutcome[]> {
    const failFast = wait && rollBack
    const pending = ids.map((id) => commanded(runner(id), { type: 'start', failFast }))
    if (!wait) return ids.map((id) => ({ id, number: runner(id).number, result: 'started' }))
    if (failFast) await stopUnlessAllCameUp(ids, pending)
    return Promise.all(pending)
  }

  /** All or nothing: what came up beside a failed one does not stay half-started. */
  async function stopUnlessAllCameUp(
    ids: readonly number[],
    pending: Promise<InstanceOutcome>[],
  ): Promise<void> {
    const failed = await firstFailure(pending)
    if (failed === undefined) return
    const message = `the start failed: instance ${failed.number} ${failed.message ?? 'died before it was ready'}`
    await Promise.all(
      ids.map(async (id) => {
        const instance = runner(id)
        if (!isAtRest(instance)) await commanded(instance, { type: 'stop', by: 'start-failed' })
        instance.send({ type: 'give-up', message })
      }),
    )
  }

  async function stop(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    reloads.abort({ undo: false, message: 'stopped' })
    const chosen = new Set(ids)
    const pending = ids.map((id) => commanded(runner(id), { type: 'stop', by }))
    // Nobody is left to take a connection: refuse new ones now instead of letting them wait.
    if ([...slots].every(([id, slot]) => chosen.has(id) || isAtRest(slot.current())))
      balancer.release()
    return Promise.all(pending)
  }

  async function restart(
    ids: readonly number[],
    { by, wait, rolling }: { by: Requester; wait: boolean; rolling: boolean },
  ): Promise<InstanceOutcome[]> {
    const outcomes = rolling ? restartRolling(ids, by) : restartInPlace(ids, by)
    if (wait) return outcomes
    return ids.map((id) => ({ id, number: runner(id).number, result: 'started' }))
  }

  async function restartRolling(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    const outcome = await reloads.reload({ by, supersede: false, ids })
    return ids.map((id) => outcomeOf(runner(id), outcome))
  }

  async function restartInPlace(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    if (record.spec.mode === 'fork')
      return Promise.all(ids.map((id) => commanded(runner(id), { type: 'restart', by })))
    // One after another, so that the others serve meanwhile; a failure ends it, so that they still do.
    const outcomes: InstanceOutcome[] = []
    for (const id of ids) {
      if (outcomes.some(isFailure) && !isAtRest(runner(id))) {
        outcomes.push({
          id,
          number: runner(id).number,
          result: 'superseded',
          message: 'left as it was: the one before failed',
        })
        continue
      }
      outcomes.push(await commanded(runner(id), { type: 'restart', by }))
    }
    return outcomes
  }

  async function remove(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    for (const id of ids) removing.add(id)
    const outcomes = await stop(ids, by)
    await Promise.all(
      ids.map(async (id) => {
        await slotOf(id).close()
        slots.delete(id)
        removing.delete(id)
        deps.removed(key, id)
      }),
    )
    record = { ...record, slots: record.slots.filter(({ id }) => !ids.includes(id)) }
    return outcomes
  }

  put(first, known)

  return {
    key,
    record: () => record,
    reports: () => [...slots.values()].map((slot) => slot.current().report()),
    runners: allRunners,
    put,
    start,
    stop,
    restart,
    reload: reloads.reload,
    abortReload: reloads.abort,
    remove,
    runner,
    sinks: () => [...slots.values()].flatMap((slot) => slot.sinks.all()),
    listeners: balancer.listeners,
    inherit: balancer.inherit,
    restoreFiles: balancer.restoreFiles,
    elect() {
      elects = true
      leaders.update()
    },
    renounce() {
      elects = false
      leaders.update()
      return leaders.vacant()
    },
    async close(by) {
      if (by === 'upgrade') addresses.leaveFiles()
      const outcomes = await remove([...slots.keys()], by)
      balancer.release()
      if (by === 'command') await wellRuns.forget()
      return outcomes
    },
  }
}

/** Listens for the outcome before the event is sent: a settled one may come at once. */
function commanded(runner: Runner, event: Parameters<Runner['send']>[0]): Promise<InstanceOutcome> {
  const outcome = runner.nextOutcome()
  runner.send(event)
  return outcome
}

function outcomeOf(runner: Runner, { result, message, failed }: RolloutOutcome): InstanceOutcome {
  const { id, number } = runner
  if (result === 'done') return { id, number, result: 'ready' }
  if (failed?.id === id) return failed
  return { id, number, result: 'superseded', message: message ?? 'the old one serves on' }
}

function isFailure(outcome: InstanceOutcome): boolean {
  return outcome.result === 'failed' || outcome.result === 'timed-out'
}

/** Resolves with the first failure, as soon as it comes, or undefined when all came up. */
async function firstFailure(
  pending: readonly Promise<InstanceOutcome>[],
): Promise<InstanceOutcome | undefined> {
  return new Promise((resolve) => {
    for (const outcome of pending) void outcome.then((value) => isFailure(value) && resolve(value))
    void Promise.all(pending).then((all) => resolve(all.find(isFailure)))
  })
}
