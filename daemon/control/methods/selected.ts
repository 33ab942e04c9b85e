/** A command on several apps: each by itself, so that one that fails keeps none of the others from it. */

import type { AppOutcome } from '../../../src/contract/api.ts'
import type { AppRecord } from '../../../src/contract/app.ts'
import { isLbmError, LbmError } from '../../../src/contract/errors.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { Control } from '../control.ts'
import { dependentsFirst } from '../dependencies/dependents-first.ts'
import { resolveSelectors, type Selection } from '../selectors.ts'

export function selectionsOf({ store }: Control, selectors: readonly string[]): Selection[] {
  return resolveSelectors(selectors, store.apps())
}

/**
 * Runs `act` for each app at once. What the user or the app caused becomes an outcome; a bug is thrown.
 * Answers when the desired state is saved too.
 */
export async function forEachApp(
  { store }: Control,
  selections: readonly Selection[],
  act: (selection: Selection) => Promise<InstanceOutcome[]>,
): Promise<AppOutcome[]> {
  const outcomes = selections.map((selection) => outcomeFor(selection, act))
  const [apps] = await Promise.all([Promise.all(outcomes), store.saved()])
  return apps
}

/** The same for ends: an app goes once those have gone that depend on it. */
export async function endEachApp(
  { store }: Control,
  selections: readonly Selection[],
  end: (selection: Selection) => Promise<InstanceOutcome[]>,
): Promise<AppOutcome[]> {
  const outcomes = new Map<Selection, AppOutcome>()
  await dependentsFirst(
    selections,
    ({ record }) => record,
    async (selection) => void outcomes.set(selection, await outcomeFor(selection, end)),
  )
  await store.saved()
  return selections.flatMap((selection) => outcomes.get(selection) ?? [])
}

async function outcomeFor(
  selection: Selection,
  act: (selection: Selection) => Promise<InstanceOutcome[]>,
): Promise<AppOutcome> {
  const { key, spec } = selection.record
  try {
    return { app: key, name: spec.name, outcomes: await act(selection) }
  } catch (error) {
    if (!isLbmError(error)) throw error
    return { app: key, name: spec.name, outcomes: failedAll(selection, error) }
  }
}

function failedAll({ record, ids }: Selection, error: LbmError): InstanceOutcome[] {
  const message = error.hint === undefined ? error.message : `${error.message} ${error.hint}`
  return ids.map((id) => ({ id, number: numberOf(record, id), result: 'failed', message }))
}

export function allWith(
  record: AppRecord,
  ids: readonly number[],
  result: InstanceOutcome['result'],
  message?: string,
): InstanceOutcome[] {
  const said = message === undefined ? {} : { message }
  return ids.map((id) => ({ id, number: numberOf(record, id), result, ...said }))
}

export function hasFailed(outcomes: readonly InstanceOutcome[]): boolean {
  return outcomes.some(({ result }) => result === 'failed' || result === 'timed-out')
}

function numberOf(record: AppRecord, id: number): number {
  return record.slots.find((slot) => slot.id === id)?.number ?? 0
}

/** The record as it is now; the command may have waited. @throws LbmError APP_NOT_FOUND */
export function currentRecord({ store }: Control, key: string): AppRecord {
  const record = store.find(key)
  if (record === undefined) {
    throw new LbmError('APP_NOT_FOUND', `The app "${key}" was deleted meanwhile.`)
  }
  return record
}
