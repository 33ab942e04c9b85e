/** Starts instances of an app once what it depends on is there. */

import type { AppRecord } from '../../../src/contract/app.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import { startBudgetMs } from '../budgets.ts'
import type { Control } from '../control.ts'
import { desiredRunning, withDesired } from '../definitions.ts'
import { stoppedWhileItWaited } from '../dependencies/needs.ts'
import { allWith } from './selected.ts'

export interface StartHow {
  /** false: answer at once, whatever it still waits for. */
  wait: boolean
  rollBack: boolean
}

/** The record says already that they are to run. */
export async function startInstances(
  control: Control,
  record: AppRecord,
  ids: readonly number[],
  how: StartHow,
): Promise<InstanceOutcome[]> {
  const { needs, store } = control
  const { key } = record
  using _beginning = needs.begins(key)
  if (needs.areMet(key)) return await start(control, record, ids, how)
  if (!how.wait) {
    void startLater(control, record, ids, how)
    return allWith(record, ids, 'started', `waits for ${needs.unmet(key)}`)
  }
  try {
    await needs.met(key, { patient: false })
  } catch (error) {
    const current = store.find(key)
    if (current !== undefined) control.apply(withDesired(current, ids, 'stopped'))
    return allWith(record, ids, 'failed', (error as Error).message)
  }
  return await start(control, record, ids, how)
}

async function startLater(
  control: Control,
  record: AppRecord,
  ids: readonly number[],
  how: StartHow,
): Promise<void> {
  using _beginning = control.needs.begins(record.key)
  try {
    await control.needs.met(record.key, { patient: true })
    await start(control, record, ids, how)
  } catch (error) {
    // It was stopped meanwhile; or its supervisor could not be had, and the list says so.
    control.log('start.failed', { app: record.key, message: (error as Error).message })
  }
}

async function start(
  { supervisors, store, bootLine }: Control,
  record: AppRecord,
  ids: readonly number[],
  how: StartHow,
): Promise<InstanceOutcome[]> {
  const { key, spec } = record
  return await bootLine.boot(ids, async () => {
    // It may have waited: what it is now counts.
    const current = store.find(key)
    const wanted = current === undefined ? [] : desiredRunning(current)
    if (current === undefined || !ids.some((id) => wanted.includes(id)))
      return allWith(record, ids, 'failed', stoppedWhileItWaited(key).message)
    await supervisors.put(current)
    const params = { key, ids: [...ids], ...how }
    const started = supervisors.call(current, 'instances.start', params, startBudgetMs(spec))
    return (await started).outcomes
  })
}
