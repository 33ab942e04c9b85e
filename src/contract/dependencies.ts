/** What `depends_on` means: whether a need is met, and which order follows. Pure. */

import { type AppRecord, type AppSpec, isScheduledJob, type SlotRecord } from './app.ts'
import { ALIVE_PHASES, type InstanceState } from './instance.ts'

export type Condition = AppSpec['dependsOn'][string]

export type NeedStatus =
  | { is: 'met' }
  /** It is on its way. */
  | { is: 'pending' }
  /** It is not, and nothing that is under way will change that; `why` continues "which …". */
  | { is: 'failed'; why: string }

type States = readonly Pick<InstanceState, 'id' | 'phase' | 'pid' | 'lastExit'>[]

const MET: NeedStatus = { is: 'met' }
const PENDING: NeedStatus = { is: 'pending' }

/** @param states of the instances of the app that is needed */
export function needStatus(condition: Condition, record: AppRecord, states: States): NeedStatus {
  if (record.spec.job !== undefined) return jobStatus(condition, record, states)
  const isAtRest = states.every(({ phase }) => phase === 'stopped' || phase === 'errored')
  const hasEndedWell =
    isAtRest && states.every(({ phase, lastExit }) => phase === 'stopped' && endedWell(lastExit))
  switch (condition) {
    case 'started':
      if (hasEndedWell || states.some(({ pid }) => pid > 0)) return MET
      break
    case 'ready':
      if (states.some(({ phase }) => phase === 'ready')) return MET
      break
    case 'completed':
      if (hasEndedWell) return MET
      break
    default:
      return condition satisfies never
  }
  return isAtRest ? restStatus(record.slots, states) : PENDING
}

/** A job is ready when it has completed: nobody can use what it has not finished. */
function jobStatus(condition: Condition, record: AppRecord, states: States): NeedStatus {
  const isRunning = states.some(({ phase }) => ALIVE_PHASES.includes(phase))
  if (isRunning) return condition === 'started' ? MET : PENDING
  const last = record.slots.map(({ id }) => record.runs?.find((run) => run.id === id))
  if (condition === 'started' && last.some((run) => run !== undefined)) return MET
  if (last.every((run) => run?.result === 'completed')) return MET
  const isWanted = record.slots.some(({ desired }) => desired === 'running')
  // It is about to begin, or to begin again.
  if (isWanted && !isScheduledJob(record.spec)) return PENDING
  const bad = last.find((run) => run !== undefined && run.result !== 'completed')
  if (bad !== undefined) return { is: 'failed', why: 'did not complete its last run' }
  return isWanted ? PENDING : { is: 'failed', why: 'has not run' }
}

function endedWell(exit: InstanceState['lastExit']): boolean {
  return exit !== undefined && exit.code === 0 && exit.requestedBy === undefined
}

function restStatus(slots: readonly SlotRecord[], states: States): NeedStatus {
  if (slots.every(({ desired }) => desired === 'stopped')) {
    const hasFailed = states.some(({ phase }) => phase === 'errored')
    return { is: 'failed', why: hasFailed ? 'did not come up' : 'is stopped' }
  }
  if (states.some(({ phase }) => phase === 'errored')) return { is: 'failed', why: 'gave up' }
  // Not started yet, where nothing has ended.
  if (states.every(({ lastExit }) => lastExit === undefined)) return PENDING
  return { is: 'failed', why: 'has ended' }
}

/** Names on the way round, the first again at the end; undefined when there is no circle. */
export function findCircle(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  // Depth first; an app that is met again on its own path closes a circle.
  const walk = (name: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (done.has(name)) return undefined
    for (const need of needs.get(name) ?? []) {
      const circle = walk(need, [...path, name])
      if (circle !== undefined) return circle
    }
    done.add(name)
    return undefined
  }
  for (const name of needs.keys()) {
    const circle = walk(name, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
