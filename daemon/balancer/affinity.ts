/** Which member gets a client that belongs to one of them, and for how long it waits for that one. */

import type { Monotonic } from '../../src/contract/units.ts'
import { freeOnes, isBlocked, isFree, type MemberState, takesPart } from './members.ts'
import type { Client, Policy } from './policies/policy.ts'

export interface Seeker {
  readonly key: string
  readonly client: () => Client
  readonly deadlineMs: Monotonic
  /** How long it may wait in all. */
  readonly waitMs: number
}

/** @returns a member that may have to be waited for */
export function chooseOwn(
  seeker: Seeker,
  members: ReadonlyMap<number, MemberState>,
  policy: Policy,
  nowMs: Monotonic,
): MemberState | undefined {
  const { key, deadlineMs, waitMs } = seeker
  const client = seeker.client()
  const ownerId = policy.ownerOf?.(client)
  const owner = ownerId === undefined ? undefined : members.get(ownerId)
  const hasSession = policy.hasSession?.(client) === true
  const isOwned = hasSession ? owner?.listeners.has(key) : owner && takesPart(owner, key)
  const all = [...members.values()].filter((member) => takesPart(member, key))
  // A session goes on where it is, though that one leaves; a new one does not begin there.
  const own = isOwned === true ? owner : policy.choose(all, client)
  const isPlacedAnew = !hasSession && ownerId !== undefined && own?.id !== ownerId
  if (own !== undefined && isPlacedAnew) policy.moved?.(client, own.id)
  if (own === undefined || isFree(own, key)) return own
  // Its instance does not come round: any is better than none.
  const isLate = nowMs >= deadlineMs - waitMs / 2
  if (!isLate && (hasSession || !isBlocked(own, nowMs))) return own
  const next = policy.choose(freeOnes(members, key), client)
  if (next !== undefined) policy.moved?.(client, next.id)
  return next ?? own
}
