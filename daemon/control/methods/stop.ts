/** `app.stop`, `app.delete`, `app.scale`. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import { startBudgetMs, stopBudgetMs } from '../budgets.ts'
import type { Control } from '../control.ts'
import { parseScale, scaleTo, withDesired, withoutSlots } from '../definitions.ts'
import type { Selection } from '../selectors.ts'
import { checkSlots, readPortFacts } from '../slot-ports.ts'
import { removeInstances } from './remove-instances.ts'
import { allWith, currentRecord, endEachApp, hasFailed, selectionsOf } from './selected.ts'

type Methods = Pick<Implementation<DaemonApi>, 'app.stop' | 'app.delete' | 'app.scale'>

export function stopMethods(control: Control): Methods {
  const { store, supervisors, instances } = control

  async function stop({ record, ids }: Selection): Promise<InstanceOutcome[]> {
    const { key, spec } = record
    control.apply(withDesired(record, ids, 'stopped'))
    if (!supervisors.hosts(key)) return allWith(record, ids, 'stopped')
    const params = { key, ids, by: 'command' as const }
    const { outcomes } = await supervisors.call(
      record,
      'instances.stop',
      params,
      stopBudgetMs(spec),
    )
    return outcomes
  }

  /** Stays in the list until it has ended: the way back, should that fail. */
  async function remove({ record, ids }: Selection): Promise<InstanceOutcome[]> {
    const { key, spec } = record
    const isWhole = ids.length === record.slots.length
    if (!isWhole) return scaleDown(record, ids)
    control.apply(withDesired(record, ids, 'stopped'))
    store.plan(key, undefined)
    try {
      const { outcomes } = await supervisors.drop(record, stopBudgetMs(spec))
      for (const id of ids) instances.remove(id)
      control.forget(key)
      return outcomes.length === 0 ? allWith(record, ids, 'stopped') : outcomes
    } catch (error) {
      const current = store.find(key)
      if (current !== undefined) store.put(current)
      throw error
    } finally {
      await store.saved()
    }
  }

  async function scaleUp(
    before: AppRecord,
    count: number,
    wait: boolean,
  ): Promise<InstanceOutcome[]> {
    const { key, spec } = before
    const { record, added } = scaleTo(before, count, store.allocateId)
    for (const id of added) instances.remove(id)
    control.apply(record)
    await supervisors.put(record)
    const params = { key, ids: added, wait, rollBack: true }
    const { outcomes } = await supervisors.call(
      record,
      'instances.start',
      params,
      startBudgetMs(spec),
    )
    // What does not come up is not there: the app is what it was before.
    if (hasFailed(outcomes)) await scaleDown(currentRecord(control, key), added)
    return outcomes
  }

  async function scaleDown(
    before: AppRecord,
    removed: readonly number[],
  ): Promise<InstanceOutcome[]> {
    const { key } = before
    control.apply(withDesired(before, removed, 'stopped'))
    store.plan(key, withoutSlots(before, removed))
    const outcomes = await removeInstances(control, before, removed)
    const rest = withoutSlots(currentRecord(control, key), removed)
    control.apply(rest)
    if (supervisors.hosts(key)) await supervisors.put(rest)
    await store.saved()
    return outcomes
  }

  return {
    'app.stop': async ({ selectors }) => ({
      apps: await endEachApp(control, selectionsOf(control, selectors), stop),
    }),

    'app.delete': async ({ selectors }) => ({
      apps: await endEachApp(control, selectionsOf(control, selectors), remove),
    }),

    async 'app.scale'({ selector, to, wait }) {
      const [selection, ...others] = selectionsOf(control, [selector])
      if (selection === undefined || others.length > 0) {
        throw new LbmError(
          'USAGE',
          `"${selector}" names ${others.length + 1} apps; scale one at a time.`,
        )
      }
      const { record } = selection
      const { key, spec } = record
      const from = record.slots.length
      const count = parseScale(to, from)
      if (count === from) {
        const plural = from === 1 ? '' : 's'
        throw new LbmError('NOTHING_TO_DO', `"${spec.name}" has ${from} instance${plural} already.`)
      }
      const otherApps = store.apps().filter((app) => app.key !== key)
      checkSlots({ spec, count, slotBase: record.slotBase, others: otherApps }, readPortFacts)
      const outcomes =
        count > from
          ? await scaleUp(record, count, wait)
          : await scaleDown(record, scaleTo(record, count, store.allocateId).removed)
      await store.saved()
      const now = store.find(key)?.slots.length ?? 0
      return { app: key, name: spec.name, outcomes, from, to: now }
    },
  }
}
