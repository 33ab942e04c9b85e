/** Desired state and what the supervisors say they have → what to do. Pure. */

import { type AppRecord, type AppSpec, isScheduledJob } from '../../src/contract/app.ts'
import type { InstanceState, Phase } from '../../src/contract/instance.ts'

export interface ActualApp {
  supervisor: string
  record: AppRecord
  instances: readonly InstanceState[]
}

export type Action =
  | { type: 'drop'; supervisor: string; key: string }
  | { type: 'put'; key: string }
  | { type: 'remove'; key: string; ids: number[] }
  | { type: 'stop'; key: string; ids: number[] }
  | { type: 'start'; key: string; ids: number[] }

export interface ReconcileInput {
  desired: readonly AppRecord[]
  actual: readonly ActualApp[]
  /** False when the stored state is older than what runs: then an app that it does not know is kept. */
  isTrusted: boolean
  supervisorOf: (key: string, spec: AppSpec) => string
}

export interface Plan {
  /** The desired state with what was learnt from the supervisors. */
  records: AppRecord[]
  /** In this order; actions of different apps may overlap. */
  actions: Action[]
}

const AT_REST: readonly Phase[] = ['stopped', 'errored']

/**
 * What runs decides the definition: a reload that ended while no daemon was there is kept. What is stored
 * decides which instances there are and which of them run. An instance that ended by itself, or gave up,
 * is left so.
 */
export function reconcile({ desired, actual, isTrusted, supervisorOf }: ReconcileInput): Plan {
  const stored = new Map(desired.map((record) => [record.key, record]))
  const hosted = new Map<string, ActualApp>()
  const actions: Action[] = []

  for (const app of actual) {
    const { key } = app.record
    const isWanted = stored.has(key) || !isTrusted
    const isAtHome = supervisorOf(key, app.record.spec) === app.supervisor
    if (isWanted && isAtHome && !hosted.has(key)) hosted.set(key, app)
    else actions.push({ type: 'drop', supervisor: app.supervisor, key })
  }

  const adopted = [...hosted.values()].filter(({ record }) => !stored.has(record.key))
  const records = [
    ...desired.map((record) => learnFrom(record, hosted.get(record.key))),
    ...adopted.map(({ record }) => record),
  ]
  for (const record of records) actions.push(...actionsFor(record, hosted.get(record.key)))
  return { records, actions }
}

function learnFrom(record: AppRecord, app: ActualApp | undefined): AppRecord {
  if (app === undefined) return record
  const { spec, listens } = app.record
  return {
    ...record,
    spec: { ...spec, instances: record.spec.instances },
    listens: record.listens || listens,
  }
}

function actionsFor(record: AppRecord, app: ActualApp | undefined): Action[] {
  const { key, slots } = record
  const stateOf = (id: number): InstanceState | undefined =>
    app?.instances.find((state) => state.id === id)
  const idsWhere = (holds: (slot: AppRecord['slots'][number]) => boolean): number[] =>
    slots.filter(holds).map(({ id }) => id)

  const remove = (app?.instances ?? [])
    .map(({ id }) => id)
    .filter((id) => !slots.some((slot) => slot.id === id))
  const missing = idsWhere(({ id }) => stateOf(id) === undefined)
  const stop = idsWhere(({ id, desired }) => {
    const state = stateOf(id)
    return desired === 'stopped' && state !== undefined && !AT_REST.includes(state.phase)
  })
  const start = isScheduledJob(record.spec)
    ? []
    : idsWhere(({ id, desired }) => desired === 'running' && wasNeverStarted(stateOf(id)))

  const isPutNeeded = app === undefined ? start.length > 0 : missing.length > 0
  const actions: Action[] = [
    { type: 'remove', key, ids: remove },
    { type: 'stop', key, ids: stop },
    { type: 'start', key, ids: start },
  ]
  return [
    ...(isPutNeeded ? [{ type: 'put', key } as const] : []),
    ...actions.filter((action) => 'ids' in action && action.ids.length > 0),
  ]
}

/** The daemon died between the definition and the start, or the supervisor is new. */
function wasNeverStarted(state: InstanceState | undefined): boolean {
  return state === undefined || (state.phase === 'stopped' && state.startedAt === 0)
}
