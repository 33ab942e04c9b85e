/** How the record of an app changes: new, redefined, scaled. Pure. */

import type { AppRecord, AppSpec, SlotRecord } from '../../src/contract/app.ts'
import { unreadNames, withoutValues } from '../../src/contract/env-references.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { AllocateId } from '../../src/contract/new-record.ts'

export interface Change {
  record: AppRecord
  added: number[]
  removed: number[]
}

/** More are a slip of the finger. */
const MAX_INSTANCES = 1000

/** `name`, or `name~2`, `name~3` … for one more of that name. */
export function freeKey(name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  let copy = 2
  while (taken.has(`${name}~${copy}`)) copy += 1
  return `${name}~${copy}`
}

/**
 * Takes a new definition, and its count of instances with it. Instances keep their ids and numbers;
 * the newest go first.
 */
export function redefine(record: AppRecord, spec: AppSpec, allocate: AllocateId): Change {
  // Values that this daemon has not read are no difference.
  const comparable = withoutValues(spec, unreadNames(record.spec))
  const isSame = JSON.stringify(comparable) === JSON.stringify(record.spec)
  if (isSame) return { record, added: [], removed: [] }
  const change = scaleTo({ ...record, spec, previous: record.spec }, spec.instances, allocate)
  // Another program need not listen because this one did.
  const listens = record.listens && spec.script === record.spec.script
  return { ...change, record: { ...change.record, listens } }
}

export function scaleTo(record: AppRecord, count: number, allocate: AllocateId): Change {
  const byNumber = record.slots.toSorted((a, b) => a.number - b.number)
  const kept = byNumber.slice(0, count)
  const removed = byNumber.slice(count)
  const numbers = new Set(kept.map(({ number }) => number))
  const added: SlotRecord[] = []
  for (let number = 0; kept.length + added.length < count; number += 1) {
    if (!numbers.has(number)) added.push({ id: allocate(), number, desired: 'running' })
  }
  return {
    record: {
      ...record,
      spec: { ...record.spec, instances: count },
      slots: [...kept, ...added],
    },
    added: added.map(({ id }) => id),
    removed: removed.map(({ id }) => id),
  }
}

/** @throws LbmError USAGE for what is no count */
export function parseScale(to: string, current: number): number {
  const match = /^([+-]?)(\d{1,6})$/.exec(to.trim())
  const amount = Number(match?.[2])
  const sign = match?.[1]
  const count = sign === '+' ? current + amount : sign === '-' ? current - amount : amount
  if (match === null || count < 1 || count > MAX_INSTANCES) {
    throw new LbmError(
      'USAGE',
      `Cannot scale from ${current} to "${to}": give a number of instances from 1 to ${MAX_INSTANCES}, or a change such as +2 or -1.`,
      { hint: 'to end it: lbm stop <app>, or lbm delete <app>' },
    )
  }
  return count
}

export function withDesired(
  record: AppRecord,
  ids: readonly number[],
  desired: SlotRecord['desired'],
): AppRecord {
  const slots = record.slots.map((slot) => (ids.includes(slot.id) ? { ...slot, desired } : slot))
  return { ...record, slots }
}

export function withoutSlots(record: AppRecord, ids: readonly number[]): AppRecord {
  const slots = record.slots.filter(({ id }) => !ids.includes(id))
  return { ...record, spec: { ...record.spec, instances: slots.length }, slots }
}

export function desiredRunning(record: AppRecord): number[] {
  return record.slots.filter(({ desired }) => desired === 'running').map(({ id }) => id)
}
