/** The balancer of one app with its slots in front, speaking to whoever has the process that it speaks of. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { ListeningAt } from '../../src/contract/instance.ts'
import { createBalancer } from '../balancer/balancer.ts'
import type { HostDeps } from './app-host-port.ts'
import type { Runner } from './instance/runner-port.ts'
import { describeBindFailure } from './port-holder.ts'
import { createSlots, type Slots } from './slots/slots.ts'

/** A runner, or a process that waits to become one's. */
export type Listener = Pick<Runner, 'listeningAt' | 'closedAt' | 'bindFailed'>

export interface HostBalancerOptions {
  deps: HostDeps
  record: () => AppRecord
  ofMember: (memberId: number) => Listener | undefined
  runners: () => readonly Runner[]
  /** Some process of the app listens. */
  listens: () => void
}

export function createHostBalancer(options: HostBalancerOptions): Slots {
  const { deps, record, ofMember, runners, listens } = options
  const { clock, random } = deps
  const { key, spec } = record()
  const log = (event: string, fields: Record<string, unknown>): void =>
    deps.log(event, { app: key, ...fields })

  const balancer = createBalancer({
    mode: spec.mode,
    spec: spec.balance,
    clock,
    random,
    onListening(memberId, at) {
      listens()
      ofMember(memberId)?.listeningAt(at)
    },
    onClosed: (memberId, at) => ofMember(memberId)?.closedAt(at),
    onBindFailed: (memberId, at, errno) =>
      ofMember(memberId)?.bindFailed(describeBindFailure(at, errno)),
    log,
  })

  return createSlots(balancer, {
    record,
    clock,
    onBindFailed(number, address, errno) {
      const at: ListeningAt =
        address.type === 'tcp'
          ? { address: address.host, port: address.port }
          : { address: address.path, port: -1 }
      const what = `slot ${number}: ${describeBindFailure(at, errno)}`
      for (const runner of runners()) if (runner.number === number) runner.note(what)
    },
    log,
  })
}
