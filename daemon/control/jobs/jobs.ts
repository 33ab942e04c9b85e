/** Runs jobs at their times, one run after another or not at all, and keeps their history. */

import type { AppRecord } from '../../../src/contract/app.ts'
import type { InstanceState } from '../../../src/contract/instance.ts'
import type { Log } from '../../kernel/log.ts'
import { startBudgetMs } from '../budgets.ts'
import { desiredRunning } from '../definitions.ts'
import { type InstanceCache, isActive } from '../instance-cache.ts'
import type { Supervisors } from '../supervisors.ts'
import { withRuns } from './run-records.ts'

/** More runs in line than that are a schedule that cannot be kept. */
const MAX_QUEUED = 10

export interface JobsOptions {
  log: Log
  instances: InstanceCache
  supervisors: Supervisors
  /** Keeps the new record, and saves it when it can. */
  keep: (record: AppRecord) => void
  skipped: (key: string, message: string) => void
}

export interface Jobs {
  /** To be called with each state of an instance of a job. */
  changed(record: AppRecord, state: InstanceState): void
  /** Its time has come. Resolves when it has been started, or not. */
  due(record: AppRecord): Promise<void>
  forget(key: string): void
}

export function createJobs(options: JobsOptions): Jobs {
  const { log, instances, supervisors, keep, skipped } = options
  const queued = new Map<string, number>()

  const isRunning = (record: AppRecord): boolean => instances.of(record).some(isActive)

  async function run(record: AppRecord, how: 'start' | 'restart'): Promise<void> {
    const { key, spec } = record
    const ids = desiredRunning(record)
    if (ids.length === 0) return
    const budgetMs = startBudgetMs(spec)
    if (how === 'start') {
      const params = { key, ids, wait: false, rollBack: false }
      await supervisors.call(record, 'instances.start', params, budgetMs)
    } else {
      const params = { key, ids, by: 'cron' as const, wait: false, rolling: false }
      await supervisors.call(record, 'instances.restart', params, budgetMs)
    }
  }

  function runQueued(record: AppRecord): void {
    const { key } = record
    const left = queued.get(key) ?? 0
    if (left === 0 || isRunning(record)) return
    queued.set(key, left - 1)
    run(record, 'start').catch((error: unknown) =>
      log('job.failed', { app: key, message: (error as Error).message }),
    )
  }

  return {
    changed(record, state) {
      const next = withRuns(record, state)
      if (next === record) return
      keep(next)
      runQueued(next)
    },
    async due(record) {
      const { key, spec } = record
      if (!isRunning(record)) return await run(record, 'start')
      const overlap = spec.job?.overlap ?? 'skip'
      const line = queued.get(key) ?? 0
      if (overlap === 'kill') await run(record, 'restart')
      else if (overlap === 'queue' && line < MAX_QUEUED) queued.set(key, line + 1)
      else skipped(key, `skipped, since the run before goes on (overlap: ${overlap})`)
    },
    forget: (key) => void queued.delete(key),
  }
}
