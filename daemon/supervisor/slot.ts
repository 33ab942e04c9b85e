/** One instance number of an app: the process that serves under it, and during a reload the ones beside it. */

import type { AppSpec, SlotRecord } from '../../src/contract/app.ts'
import {
  ALIVE_PHASES,
  type InstanceState as InstanceReport,
  type Requester,
} from '../../src/contract/instance.ts'
import type { InstanceOutcome } from '../../src/contract/supervisor.ts'
import { createDeathHistory } from './health/deaths/death-history.ts'
import type { Runner, RunnerOptions } from './instance/runner-port.ts'
import { createRunner } from './instance/runner.ts'
import type { Sinks } from './logs/sinks.ts'

export type RunnerBasics = Omit<
  RunnerOptions,
  | 'id'
  | 'number'
  | 'generation'
  | 'spec'
  | 'listens'
  | 'known'
  | 'inService'
  | 'isUrgent'
  | 'sinks'
  | 'pidFileOf'
  | 'deaths'
  | 'replace'
  | 'changed'
>

export interface SlotOptions {
  record: SlotRecord
  spec: AppSpec
  listens: boolean
  known: InstanceReport | undefined
  sinks: Sinks
  pidFileOf: (spec: AppSpec) => string
  basics: RunnerBasics
  /** A guard wants the one that serves replaced. Resolves false when none came up in its place. */
  replace: (serving: Runner, by: Requester, message: string) => Promise<boolean>
  /** The one that serves changed. */
  changed: (report: InstanceReport) => void
  risingChanged: (report: InstanceReport) => void
  /** A process beside the serving one came or went. */
  othersChanged: () => void
}

export interface Why {
  by: Requester
  message?: string
}

export interface Slot {
  readonly id: number
  readonly sinks: Sinks
  current(): Runner
  /** Every runner that may have a process. */
  runners(): Runner[]
  adopt(change: { spec?: AppSpec; listens?: boolean; number?: number }): void
  /** Starts a new one beside the serving one; where it is urgent, a spare will do. */
  startRising(
    spec: AppSpec,
    generation: number,
    how: { isUrgent: boolean },
  ): Promise<InstanceOutcome>
  rising(): Runner | undefined
  /** The new one takes the number. The old one is drained, with `why` on record, or kept out of rotation. */
  promote(keepOld: boolean, why: Why): void
  discardRising(): void
  /** The kept one takes its number back. */
  restoreOld(): void
  retireOld(): void
  /** Resolves when every runner is at rest and its output is in the files. */
  close(): Promise<void>
}

export function createSlot(options: SlotOptions): Slot {
  const { record, sinks, pidFileOf, basics } = options
  let { spec, listens } = options
  let { number } = record
  // They are there to be emptied before the first process writes.
  sinks.of(spec)
  const deaths = createDeathHistory(options.known)
  let current = makeRunner({
    spec,
    generation: options.known?.generation ?? 1,
    known: options.known,
    inService: true,
  })
  let rising: Runner | undefined
  let kept: Runner | undefined
  /** Draining ones, on their way out. */
  const leaving = new Set<Runner>()

  function makeRunner(
    how: Pick<RunnerOptions, 'spec' | 'generation' | 'known' | 'inService' | 'isUrgent'>,
  ): Runner {
    const runner: Runner = createRunner({
      ...basics,
      ...how,
      id: record.id,
      number,
      listens,
      sinks,
      pidFileOf,
      deaths: {
        ...deaths,
        replace(exit, told) {
          deaths.replace(exit, told)
          // It is on the record of the number, which the one that serves reports.
          if (runner !== current) options.changed(current.report())
        },
      },
      replace: (by, message) => options.replace(runner, by, message),
      changed(report) {
        if (runner === current) options.changed(report)
        else if (runner === rising) options.risingChanged(report)
        else options.othersChanged()
      },
    })
    return runner
  }

  function leave(runner: Runner, why: Why = { by: 'reload' }): void {
    leaving.add(runner)
    runner.send({ type: 'stop', ...why })
    void stopped(runner).then(() => leaving.delete(runner))
  }

  return {
    id: record.id,
    sinks,
    current: () => current,
    runners: () => [current, rising, kept, ...leaving].filter((runner) => runner !== undefined),
    adopt(change) {
      spec = change.spec ?? spec
      listens = change.listens ?? listens
      number = change.number ?? number
      for (const runner of [current, rising, kept]) runner?.adopt(change)
    },
    startRising(newSpec, generation, { isUrgent }) {
      const before = current.report()
      rising = makeRunner({
        spec: newSpec,
        generation,
        known: { ...before, restarts: before.restarts + 1 },
        inService: false,
        isUrgent,
      })
      // Asked for before: a spawn may fail at once.
      const outcome = rising.nextOutcome()
      rising.send({ type: 'start', failFast: true })
      return outcome
    },
    rising: () => rising,
    promote(keepOld, why) {
      if (rising === undefined) return
      const old = current
      current = rising
      rising = undefined
      // The new one first: at no moment is the number without one in rotation.
      current.setInService(true)
      old.setInService(false)
      if (keepOld) kept = old
      else leave(old, why)
      options.changed(current.report())
    },
    discardRising() {
      if (rising === undefined) return
      const failed = rising
      rising = undefined
      leave(failed)
    },
    restoreOld() {
      if (kept === undefined) return
      const failed = current
      current = kept
      kept = undefined
      current.setInService(true)
      if (isAtRest(current)) current.send({ type: 'start', failFast: false })
      failed.setInService(false)
      leave(failed)
      options.changed(current.report())
    },
    retireOld() {
      if (kept === undefined) return
      const old = kept
      kept = undefined
      leave(old)
    },
    async close() {
      const all = [current, rising, kept, ...leaving].filter((runner) => runner !== undefined)
      await Promise.all(all.map(stopped))
      await Promise.all(all.map((runner) => runner.outputWritten()))
      await sinks[Symbol.asyncDispose]()
    },
  }
}

/** Stops it unless it is at rest, and waits until it is. */
async function stopped(runner: Runner): Promise<void> {
  while (!isAtRest(runner)) {
    const outcome = runner.nextOutcome()
    if (!['draining', 'stopping'].includes(runner.report().phase))
      runner.send({ type: 'stop', by: 'reload' })
    await outcome
  }
}

export function isAtRest(runner: Runner): boolean {
  const { phase } = runner.report()
  return !ALIVE_PHASES.includes(phase) && phase !== 'backoff'
}
