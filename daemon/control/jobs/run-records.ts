/** The history of a job, out of what its supervisor tells of its ends. Pure. */

import {
  type AppRecord,
  isScheduledJob,
  MAX_RUNS,
  type RunRecord,
} from '../../../src/contract/app.ts'
import type { ExitReason, InstanceState } from '../../../src/contract/instance.ts'

/**
 * Adds the ends that are new. A job without a schedule that has ended is not to run any more, not even after a boot.
 * @returns the same record where nothing is new
 */
export function withRuns(record: AppRecord, state: InstanceState): AppRecord {
  const before = record.runs ?? []
  const ended = (state.deaths ?? [])
    .map((exit) => runOf(exit, state))
    .filter((run) => !before.some((known) => isSameRun(known, run)))
  if (ended.length === 0) return record
  const runs = [...ended, ...before]
    .toSorted((a, b) => b.startedAtMs - a.startedAtMs)
    .slice(0, MAX_RUNS)
  const isAtRest = state.phase === 'stopped' || state.phase === 'errored'
  if (isScheduledJob(record.spec) || !isAtRest) return { ...record, runs }
  const slots = record.slots.map((slot) =>
    slot.id === state.id ? { ...slot, desired: 'stopped' as const } : slot,
  )
  return { ...record, runs, slots }
}

function runOf(exit: ExitReason, { id, number }: InstanceState): RunRecord {
  const { pid, atMs, uptimeMs, code, signal, message } = exit
  return {
    id,
    number,
    pid,
    startedAtMs: atMs - uptimeMs,
    durationMs: Math.round(uptimeMs),
    code,
    signal,
    result: resultOf(exit),
    ...(message === undefined ? {} : { message }),
  }
}

/** A guard that ends a job says that it failed; whoever else ends it does not. */
function resultOf({ requestedBy, code }: ExitReason): RunRecord['result'] {
  switch (requestedBy) {
    case undefined:
      return code === 0 ? 'completed' : 'failed'
    case 'memory':
    case 'hang':
    case 'probe':
    case 'max-requests':
    case 'max-age':
    case 'listen-timeout':
    case 'start-failed':
      return 'failed'
    case 'command':
    case 'watch':
    case 'cron':
    case 'reload':
    case 'scale':
    case 'shutdown':
    case 'upgrade':
      return 'stopped'
    default:
      return requestedBy satisfies never
  }
}

/** A pid may be given again; the time of its start is then another. */
function isSameRun(a: RunRecord, b: RunRecord): boolean {
  return a.id === b.id && a.pid === b.pid && Math.abs(a.startedAtMs - b.startedAtMs) < 2
}
