/** Whether an app is what somebody waits for. Pure. */

import type { AppDetail } from '../contract/api.ts'
import { isScheduledJob } from '../contract/app.ts'
import { needStatus } from '../contract/dependencies.ts'
import type { InstanceView } from '../contract/instance.ts'
import type { InstanceOutcome } from '../contract/supervisor.ts'

export type Wanted = 'ready' | 'completed'

/** `undefined`: not yet. A failure has the instance that it is about. */
export type Readiness = { is: Wanted | 'scheduled' } | { failed: InstanceOutcome } | undefined

/** Ready is an app when every instance that should run is; a job, when it has completed. */
export function readinessOf({ record, instances }: AppDetail, wanted: Wanted): Readiness {
  if (record.spec.job !== undefined || wanted === 'completed')
    return completionOf(record, instances)
  const desired = record.slots.filter((slot) => slot.desired === 'running')
  const wantedIds = new Set(desired.map(({ id }) => id))
  const views = instances.filter(({ id }) => wantedIds.has(id))
  const [first] = instances
  if (views.length === 0) return first && { failed: failure(first, 'it is stopped') }
  const ended = views.find(({ phase }) => phase === 'errored' || phase === 'stopped')
  // What was never started is about to be.
  if (ended !== undefined && ended.startedAt > 0) {
    const what = ended.phase === 'errored' ? 'it gave up' : 'it has ended'
    return { failed: failure(ended, what) }
  }
  return views.every(({ phase }) => phase === 'ready') ? { is: 'ready' } : undefined
}

function completionOf(record: AppDetail['record'], instances: AppDetail['instances']): Readiness {
  const status = needStatus('completed', record, instances)
  if (status.is === 'met') return { is: 'completed' }
  if (isScheduledJob(record.spec) && record.runs === undefined) return { is: 'scheduled' }
  const [first] = instances
  if (status.is === 'failed' && first !== undefined)
    return { failed: failure(first, `it ${status.why}`) }
  return undefined
}

function failure({ id, number, lastExit }: InstanceView, message: string): InstanceOutcome {
  const base = { id, number, result: 'failed' as const }
  // How it ended says more than that it did.
  return lastExit === undefined || lastExit.requestedBy !== undefined
    ? { ...base, message }
    : { ...base, exit: lastExit }
}
