/** An app that asks itself something before it is ready (a warm-up) would wait for itself: nobody is in rotation yet. */

import { AGENT_COMMAND } from '../../src/contract/agent.ts'
import { type MemberState, takesPart } from './members.ts'
import { socketName, type SocketName, type StreamHandle } from './native.ts'

/** Asks the instances that are starting, where nobody else could take it. Who knows the other end says `mine`. */
export function askWhoseCall(
  members: ReadonlyMap<number, MemberState>,
  key: string,
  id: number,
  handle: StreamHandle,
): void {
  const all = [...members.values()]
  if (all.some((state) => takesPart(state, key))) return
  const starting = all.filter((state) => state.listeners.has(key) && !state.wasInRotation)
  const port = starting.length === 0 ? undefined : localPeerPort(handle)
  if (port === undefined) return
  for (const { member } of starting)
    member.send({ cmd: AGENT_COMMAND, act: 'whose', id, key, port })
}

/** @returns undefined when the other end is on another host, or has no port */
function localPeerPort(handle: StreamHandle): number | undefined {
  const peer: SocketName = {}
  handle.getpeername?.(peer)
  return peer.address === socketName(handle).address ? peer.port : undefined
}
