/** The record of an app that is new. Pure. */

import type { AppRecord, AppSpec, SlotRecord } from './app.ts'

/** Gives the next id. */
export type AllocateId = () => number

export function newRecord(
  key: string,
  spec: AppSpec,
  allocate: AllocateId,
  createdAt: number,
): AppRecord {
  const desired = spec.autostart ? 'running' : 'stopped'
  const slots = Array.from({ length: spec.instances }, (_, number) => ({
    id: allocate(),
    number,
    desired,
  })) satisfies SlotRecord[]
  return { key, spec, slots, listens: false, createdAt }
}
