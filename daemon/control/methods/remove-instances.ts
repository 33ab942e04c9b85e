/** Ends instances of an app, and forgets them at its supervisor. */

import type { AppRecord } from '../../../src/contract/app.ts'
import { isLbmError } from '../../../src/contract/errors.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import { stopBudgetMs } from '../budgets.ts'
import type { Control } from '../control.ts'
import { allWith } from './selected.ts'

/** Gone is gone, also when the supervisor died and its successor never had them. */
export async function removeInstances(
  { supervisors, instances }: Control,
  record: AppRecord,
  ids: readonly number[],
): Promise<InstanceOutcome[]> {
  const { key, spec } = record
  let outcomes = allWith(record, ids, 'stopped')
  if (ids.length > 0 && supervisors.hosts(key)) {
    try {
      const params = { key, ids: [...ids], by: 'scale' as const }
      const result = await supervisors.call(record, 'instances.remove', params, stopBudgetMs(spec))
      outcomes = result.outcomes
    } catch (error) {
      if (!isLbmError(error) || error.code !== 'APP_NOT_FOUND') throw error
    }
  }
  for (const id of ids) instances.remove(id)
  return outcomes
}
