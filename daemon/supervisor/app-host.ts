/** One app in a supervisor: its instances, its listeners, its log files, and the commands on them. */

import type { AppRecord, SlotRecord } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import { ALIVE_PHASES, type InstanceState as InstanceReport, type Requester } from '../../src/contract/instance.ts'
import { logFilesOf, pidFileOf } from '../../src/contract/log-files.ts'
import type { InstanceOutcome } from '../../src/contract/supervisor.ts'
import { createBalancer } from '../balancer/balancer.ts'
import type { Balancer } from '../balancer/port.ts'
import type { Clock } from '../kernel/clock.ts'
import { createRunner, type Runner } from './instance/runner.ts'
import type { LogFilesRegistry } from './logs/log-files-registry.ts'
import { type LogSink, openLogSink } from './logs/log-sink.ts'
import { describeBindFailure } from './port-holder.ts'

export interface HostDeps {
  clock: Clock
  random: () => number
  home: HomePaths
  agentPath: string
  /** One for the supervisor, so that a file has one writer. */
  logFiles: LogFilesRegistry
  nextMemberId: () => number
  changed: (report: InstanceReport) => void
  removed: (app: string, id: number) => void
  listens: (app: string) => void
  emit: (event: LbmEvent) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface AppHost {
  readonly key: string
  record(): AppRecord
  reports(): InstanceReport[]
  /** Takes a new definition and new slots; what runs goes on as it was started. */
  put(record: AppRecord, known: readonly InstanceReport[]): void
  start(ids: readonly number[], how: { wait: boolean; rollBack: boolean }): Promise<InstanceOutcome[]>
  stop(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]>
  restart(ids: readonly number[], how: { by: Requester; wait: boolean }): Promise<InstanceOutcome[]>
  remove(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]>
  /** @throws LbmError APP_NOT_FOUND when the app has no such instance */
  runner(id: number): Runner
  balancer(): Balancer
  sinks(): LogSink[]
  /** Stops everything and lets go of ports and files. */
  close(by: Requester): Promise<InstanceOutcome[]>
}

interface Slot {
  runner: Runner
  sink: LogSink
}

export function createAppHost(first: AppRecord, known: readonly InstanceReport[], deps: HostDeps): AppHost {
  const { key } = first
  let record = first
  const slots = new Map<number, Slot>()
  const runnerOfMember = (memberId: number): Runner | undefined =>
    [...slots.values()].find(({ runner }) => runner.memberId() === memberId)?.runner

  const balancer = createBalancer({
    mode: record.spec.mode,
    spec: record.spec.balance,
    clock: deps.clock,
    random: deps.random,
    onListening(memberId, at) {
      learnThatItListens()
      runnerOfMember(memberId)?.listeningAt(at)
    },
    onClosed: (memberId, at) => runnerOfMember(memberId)?.closedAt(at),
    onBindFailed(memberId, at, errno) {
      runnerOfMember(memberId)?.note(describeBindFailure(at, errno))
    },
    log: (event, fields) => deps.log(event, { app: key, ...fields }),
  })

  function learnThatItListens(): void {
    if (record.listens) return
    record = { ...record, listens: true }
    for (const { runner } of slots.values()) runner.adopt({ listens: true })
    deps.listens(key)
  }

  function addSlot({ id, number }: SlotRecord, knownReport: InstanceReport | undefined): void {
    const { spec } = record
    const sink = openLogSink({
      appName: spec.name,
      spec: spec.logs,
      files: logFilesOf(spec, deps.home.logsDir, id),
      registry: deps.logFiles,
      clock: deps.clock,
      onDropped: ({ lines, message }) =>
        deps.emit({ v: 1, atMs: deps.clock.wall(), app: key, type: 'logs.dropped', id, lines, message }),
    })
    const runner = createRunner({
      app: key,
      id,
      number,
      generation: 1,
      spec,
      listens: record.listens,
      known: knownReport,
      agentPath: deps.agentPath,
      pidFile: pidFileOf(spec, deps.home.pidsDir, id),
      clock: deps.clock,
      random: deps.random,
      balancer,
      sink,
      nextMemberId: deps.nextMemberId,
      changed: (report) => {
        deps.changed(report)
        releaseWhenAtRest()
      },
      emit: deps.emit,
    })
    slots.set(id, { runner, sink })
  }

  /** A port belongs to the app while it runs; at rest others may have it. */
  function releaseWhenAtRest(): void {
    if ([...slots.values()].every(({ runner }) => isAtRest(runner))) balancer.release()
  }

  function runner(id: number): Runner {
    const slot = slots.get(id)
    if (slot === undefined) throw new LbmError('APP_NOT_FOUND', `App "${record.spec.name}" has no instance with id ${id}.`)
    return slot.runner
  }

  function put(next: AppRecord, knownReports: readonly InstanceReport[]): void {
    record = { ...next, listens: next.listens || record.listens }
    for (const slot of record.slots) {
      const report = knownReports.find(({ id }) => id === slot.id)
      const existing = slots.get(slot.id)
      if (existing === undefined) addSlot(slot, report)
      else existing.runner.adopt({ spec: record.spec, listens: record.listens, number: slot.number })
    }
    balancer.setSpec(record.spec.balance)
  }

  async function start(ids: readonly number[], { wait, rollBack }: { wait: boolean; rollBack: boolean }): Promise<InstanceOutcome[]> {
    const failFast = wait && rollBack
    const pending = ids.map((id) => commanded(runner(id), { type: 'start', failFast }))
    if (!wait) return ids.map((id) => ({ id, number: runner(id).number, result: 'started' }))
    if (failFast) await stopUnlessAllCameUp(ids, pending)
    return Promise.all(pending)
  }

  /** All or nothing: what came up beside a failed one does not stay half-started. */
  async function stopUnlessAllCameUp(ids: readonly number[], pending: Promise<InstanceOutcome>[]): Promise<void> {
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
    const chosen = new Set(ids)
    const pending = ids.map((id) => commanded(runner(id), { type: 'stop', by }))
    // Nobody is left to take a connection: refuse new ones now instead of letting them wait.
    if ([...slots].every(([id, slot]) => chosen.has(id) || isAtRest(slot.runner))) balancer.release()
    return Promise.all(pending)
  }

  async function restart(ids: readonly number[], { by, wait }: { by: Requester; wait: boolean }): Promise<InstanceOutcome[]> {
    if (!wait) {
      void restartAll(ids, by)
      return ids.map((id) => ({ id, number: runner(id).number, result: 'started' }))
    }
    return restartAll(ids, by)
  }

  async function restartAll(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    if (record.spec.mode === 'fork') return Promise.all(ids.map((id) => commanded(runner(id), { type: 'restart', by })))
    // One after another, so that the others serve meanwhile; a failure ends it, so that they still do.
    const outcomes: InstanceOutcome[] = []
    for (const id of ids) {
      const failed = outcomes.some(isFailure)
      if (failed && !isAtRest(runner(id))) {
        outcomes.push({ id, number: runner(id).number, result: 'superseded', message: 'left as it was: the one before failed' })
        continue
      }
      outcomes.push(await commanded(runner(id), { type: 'restart', by }))
    }
    return outcomes
  }

  async function remove(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    const outcomes = await stop(ids, by)
    await Promise.all(
      ids.map(async (id) => {
        const slot = slots.get(id)
        if (slot === undefined) return
        await slot.runner.outputWritten()
        await slot.sink[Symbol.asyncDispose]()
        slots.delete(id)
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
    reports: () => [...slots.values()].map((slot) => slot.runner.report()),
    put,
    start,
    stop,
    restart,
    remove,
    runner,
    balancer: () => balancer,
    sinks: () => [...slots.values()].map((slot) => slot.sink),
    async close(by) {
      const outcomes = await remove([...slots.keys()], by)
      balancer.release()
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

function isAtRest(runner: Runner): boolean {
  const { phase } = runner.report()
  return !ALIVE_PHASES.includes(phase) && phase !== 'backoff'
}

function isFailure(outcome: InstanceOutcome): boolean {
  return outcome.result === 'failed' || outcome.result === 'timed-out'
}

/** Resolves with the first failure, as soon as it comes, or undefined when all came up. */
async function firstFailure(pending: readonly Promise<InstanceOutcome>[]): Promise<InstanceOutcome | undefined> {
  return new Promise((resolve) => {
    for (const outcome of pending) void outcome.then((value) => isFailure(value) && resolve(value))
    void Promise.all(pending).then((all) => resolve(all.find(isFailure)))
  })
}
