/** Gives an app a new definition, on both sides. */

import type { AppRecord } from '../../../src/contract/app.ts'
import { stopBudgetMs } from '../budgets.ts'
import type { Control } from '../control.ts'
import { removeInstances } from './remove-instances.ts'

/**
 * What runs goes on as it was started, but for instances that are gone from the definition: they end.
 * An app that changes its mode changes its supervisor, and ends at the one that it leaves.
 */
export async function redefineApp(
  control: Control,
  before: AppRecord,
  after: AppRecord,
  removed: readonly number[],
): Promise<void> {
  const { supervisors } = control
  const moves =
    supervisors.hosts(before.key) && supervisors.idOf(before) !== supervisors.idOf(after)
  control.apply(after)
  if (moves) {
    await supervisors.drop(before, stopBudgetMs(before.spec))
  } else {
    await removeInstances(control, before, removed)
  }
  await supervisors.put(after)
}
