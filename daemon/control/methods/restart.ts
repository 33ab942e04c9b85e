/** `app.restart`, `app.reload`, `app.abortReload`. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import { type AppRecord, type AppSpec, isScheduledJob } from '../../../src/contract/app.ts'
import { isLbmError, LbmError } from '../../../src/contract/errors.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { InstanceOutcome, RolloutOutcome } from '../../../src/contract/supervisor.ts'
import { rolloutBudgetMs, startBudgetMs, stopBudgetMs } from '../budgets.ts'
import type { Control } from '../control.ts'
import { checkCron } from '../cron.ts'
import { type Change, redefine, withDesired } from '../definitions.ts'
import { checkNeeds } from '../dependencies/needs.ts'
import { isAlive } from '../instance-cache.ts'
import { isNamed, type Selection } from '../selectors.ts'
import { checkSlots, readPortFacts } from '../slot-ports.ts'
import type { Store } from '../store.ts'
import { redefineApp } from './redefine.ts'
import { allWith, currentRecord, forEachApp, selectionsOf } from './selected.ts'

type Methods = Pick<Implementation<DaemonApi>, 'app.restart' | 'app.reload' | 'app.abortReload'>

interface NewDefinitions {
  env?: Record<string, string>
  specs?: AppSpec[]
}

const ABORT_MS = 60_000

export function restartMethods(control: Control): Methods {
  const { store, supervisors, instances } = control

  async function restart(
    { record, ids }: Selection,
    how: { wait: boolean; rolling: boolean },
    definitions: NewDefinitions,
  ): Promise<InstanceOutcome[]> {
    const { key } = record
    const change = redefined(record, definitions, store.allocateId)
    const kept = ids.filter((id) => !change.removed.includes(id))
    const wanted = [...kept, ...change.added]
    const next = withDesired(change.record, wanted, 'running')
    control.watchers.resume(key)
    if (change.record === record && supervisors.hosts(key)) control.apply(next)
    else await redefineApp(control, record, next, change.removed)

    if (isScheduledJob(next.spec) && definitions.specs !== undefined)
      return allWith(next, wanted, 'scheduled')
    const budgetMs = rolloutBudgetMs(next.spec, wanted.length)
    const restarting = supervisors.call(
      next,
      'instances.restart',
      { key, ids: kept, by: 'command', ...how },
      budgetMs,
    )
    const starting =
      change.added.length === 0
        ? { outcomes: [] }
        : supervisors.call(
            next,
            'instances.start',
            { key, ids: change.added, wait: how.wait, rollBack: false },
            startBudgetMs(next.spec),
          )
    const [restarted, started] = await Promise.all([restarting, starting])
    return [
      ...restarted.outcomes,
      ...started.outcomes,
      ...allWith(record, change.removed, 'stopped'),
    ]
  }

  /** The supervisor takes the definition only if the reload succeeds, and so does the desired state. */
  async function reload(
    { record, ids }: Selection,
    supersede: boolean,
    definitions: NewDefinitions,
  ): Promise<{ rollout?: RolloutOutcome; outcomes?: InstanceOutcome[] }> {
    const { key } = record
    const change = redefined(record, definitions, store.allocateId)
    const isJob = record.spec.job !== undefined || change.record.spec.job !== undefined
    if (isJob) {
      // What it runs next is new in any case; a new definition of one without a schedule is one more run.
      if (definitions.specs === undefined) return { outcomes: [] }
      return {
        outcomes: await restart({ record, ids }, { wait: true, rolling: false }, definitions),
      }
    }
    const isMoved = supervisors.idOf(record) !== supervisors.idOf(change.record)
    if (isMoved || !supervisors.hosts(key) || !instances.of(record).some(isAlive)) {
      return {
        outcomes: await restart({ record, ids }, { wait: true, rolling: false }, definitions),
      }
    }

    control.reloading.add(key)
    control.watchers.resume(key)
    try {
      const rollout = await supervisors.call(
        record,
        'app.reload',
        {
          key,
          spec: { ...change.record.spec, instances: record.slots.length },
          by: 'command',
          supersede,
        },
        rolloutBudgetMs(change.record.spec, record.slots.length),
      )
      if (rollout.result === 'done') return { rollout, ...(await keep(key, change)) }
      return { rollout }
    } finally {
      control.reloading.delete(key)
    }
  }

  /** The new definition runs: it is desired from now on, with the number of instances that it wants. */
  async function keep(key: string, change: Change): Promise<{ outcomes?: InstanceOutcome[] }> {
    const before = currentRecord(control, key)
    const { record, added, removed } = change
    const slots = [
      ...before.slots.filter(({ id }) => !removed.includes(id)),
      ...record.slots.filter(({ id }) => added.includes(id)),
    ]
    const next = { ...before, spec: record.spec, slots }
    const kept = record.previous === undefined ? next : { ...next, previous: record.previous }
    await redefineApp(control, before, kept, removed)
    if (added.length === 0) return {}
    const params = { key, ids: added, wait: true, rollBack: false }
    return supervisors.call(kept, 'instances.start', params, startBudgetMs(kept.spec))
  }

  return {
    async 'app.restart'({ selectors, wait, rolling, ...definitions }) {
      const selections = selectionsOf(control, selectors)
      await checkDefinitions(store, definitions)
      const apps = await forEachApp(control, selections, async (selection) => {
        const { record } = selection
        const isMeant = record.spec.job === undefined || isNamed(record, selectors)
        return isMeant ? await restart(selection, { wait, rolling }, definitions) : []
      })
      return { apps }
    },

    async 'app.reload'({ selectors, supersede, rollback, ...definitions }) {
      const selections = selectionsOf(control, selectors)
      await checkDefinitions(store, definitions)
      if (rollback) checkRollback(selections)
      const apps = await Promise.all(
        selections.map(async (selection) => {
          const { key, spec, previous } = selection.record
          const wanted = rollback && previous !== undefined ? { specs: [previous] } : definitions
          const name = { app: key, name: spec.name }
          try {
            return { ...name, ...(await reload(selection, supersede, wanted)) }
          } catch (error) {
            if (!isLbmError(error)) throw error
            const rollout = {
              result: 'rolled-back',
              generation: 0,
              replaced: 0,
              message: error.message,
            } as const
            return { ...name, rollout }
          }
        }),
      )
      await store.saved()
      return { apps }
    },

    async 'app.abortReload'({ selectors, undo }) {
      const aborted = await Promise.all(
        selectionsOf(control, selectors)
          .filter(({ record }) => supervisors.hosts(record.key))
          .map(async ({ record }) => {
            const params = { key: record.key, undo }
            const timeoutMs = stopBudgetMs(record.spec) + ABORT_MS
            const result = await supervisors.call(record, 'app.abortReload', params, timeoutMs)
            return result.aborted ? record.key : undefined
          }),
      )
      return { apps: aborted.filter((key) => key !== undefined) }
    },
  }
}

function redefined(
  record: AppRecord,
  { env, specs }: NewDefinitions,
  allocate: () => number,
): Change {
  const given = specs?.find(({ name }) => name === record.spec.name) ?? record.spec
  const spec = env === undefined ? given : withEnv(given, env)
  return redefine(record, spec, allocate)
}

function withEnv(spec: AppSpec, env: Record<string, string>): AppSpec {
  const references = spec.envReferences && {
    files: spec.envReferences.files,
    values: Object.fromEntries(
      Object.entries(spec.envReferences.values).filter(([name]) => env[name] === undefined),
    ),
  }
  const sources = Object.fromEntries(Object.keys(env).map((name) => [name, 'shell']))
  return {
    ...spec,
    env: { ...spec.env, ...env },
    envSources: { ...spec.envSources, ...sources },
    ...(references === undefined ? {} : { envReferences: references }),
  }
}

async function checkDefinitions(store: Store, { specs = [] }: NewDefinitions): Promise<void> {
  for (const spec of specs) {
    await checkCron(spec)
    checkNeeds(spec, withSpecs(store, specs), { mustBeThere: false })
    const isOwn = (record: AppRecord): boolean => record.spec.name === spec.name
    const others = store.apps().filter((record) => !isOwn(record))
    const { slotBase } = store.apps().find(isOwn) ?? {}
    checkSlots({ spec, count: spec.instances, slotBase, others }, readPortFacts)
  }
}

/** The apps as they will be. */
function withSpecs(store: Store, specs: readonly AppSpec[]): AppRecord[] {
  return store.apps().map((record) => {
    const spec = specs.find(({ name }) => name === record.spec.name)
    return spec === undefined ? record : { ...record, spec }
  })
}

function checkRollback(selections: readonly Selection[]): void {
  const without = selections.find(({ record }) => record.previous === undefined)
  if (without === undefined) return
  const { name } = without.record.spec
  throw new LbmError('NOTHING_TO_DO', `There is no earlier definition of "${name}" to go back to.`)
}
