/** A dispatcher between a fake clock and members that only note what they are sent. */

import {
  createDispatcher,
  type Connection,
  type Dispatcher,
} from '../../../daemon/balancer/dispatcher.ts'
import { createMember, type MemberState } from '../../../daemon/balancer/members.ts'
import type { StreamHandle } from '../../../daemon/balancer/native.ts'
import { choosePolicy } from '../../../daemon/balancer/policies/choose-policy.ts'
import type { StickyValue } from '../../../daemon/balancer/policies/policy.ts'
import { after } from '../../../daemon/kernel/clock.ts'
import type { ToAgent } from '../../../src/contract/agent.ts'
import type { BalancePolicy } from '../../../src/contract/app.ts'
import { type FakeClock, fakeClock } from '../../helpers/fake-clock.ts'
import { balanceSpec } from './balance-spec.ts'

export const KEY = ':80:4:0'
export const QUEUE_MS = 1000

export interface World {
  clock: FakeClock
  dispatcher: Dispatcher
  members: Map<number, MemberState>
  refused: number[]
  /** Ids of connections whose copy was closed here: an instance has them for good. */
  closed: number[]
  failed: number[]
  /** Ids that this member was handed and has not answered. */
  inbox(memberId: number): number[]
  add(id: number, number?: number): MemberState
  /** The process dies. */
  remove(id: number): void
  connect(address?: string, sticky?: StickyValue): number
  /** Answers the oldest hand-over. */
  answer(memberId: number, accepted?: boolean): number | undefined
  /** The channel breaks: the oldest hand-over is reported as failed. */
  breakOff(memberId: number): void
}

interface Sent {
  id: number
  done: ((error: Error | null) => void) | undefined
}

export function createWorld(
  policy: BalancePolicy = 'least-connections',
  random = (): number => 0.5,
): World {
  const clock = fakeClock()
  const members = new Map<number, MemberState>()
  const inboxes = new Map<number, Sent[]>()
  const refused: number[] = []
  const closed: number[] = []
  const failed: number[] = []
  const chosen = choosePolicy(balanceSpec({ policy }), random)
  let lastId = 0

  const dispatcher = createDispatcher({
    clock,
    members,
    policy: () => chosen,
    refuse: ({ id }) => refused.push(id),
    failed: ({ id }) => failed.push(id),
    log: () => undefined,
  })

  return {
    clock,
    dispatcher,
    members,
    refused,
    closed,
    failed,
    inbox: (id) => (inboxes.get(id) ?? []).map((sent) => sent.id),
    add(id, number = id) {
      const inbox: Sent[] = []
      inboxes.set(id, inbox)
      const send = (message: ToAgent, _: unknown, done?: (error: Error | null) => void): void => {
        if (message.act === 'connection') inbox.push({ id: message.id, done })
      }
      const state = createMember({ id, number, send }, clock.now())
      state.inRotation = true
      state.listeners.add(KEY)
      members.set(id, state)
      dispatcher.resume()
      return state
    },
    remove(id) {
      const state = members.get(id)
      members.delete(id)
      inboxes.delete(id)
      if (state !== undefined) dispatcher.forget(state)
    },
    connect(address = '192.0.2.1', sticky) {
      lastId += 1
      const id = lastId
      const handle = { close: () => closed.push(id) } as unknown as StreamHandle
      const connection: Connection = {
        id,
        key: KEY,
        handle,
        client: () => (sticky === undefined ? { address } : { address, sticky }),
        read: undefined,
        deadlineMs: after(clock.now(), QUEUE_MS),
        waitMs: QUEUE_MS,
      }
      dispatcher.dispatch(connection)
      return id
    },
    answer(memberId, accepted = true) {
      const sent = inboxes.get(memberId)?.shift()
      if (sent !== undefined) dispatcher.acknowledge(memberId, sent.id, accepted, undefined)
      return sent?.id
    },
    breakOff(memberId) {
      inboxes.get(memberId)?.shift()?.done?.(new Error('broken'))
    },
  }
}
