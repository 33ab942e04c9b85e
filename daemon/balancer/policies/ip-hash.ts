/** The same client address comes to the same instance. */

import type { Candidate, Client, Policy } from './policy.ts'
import { rendezvous } from './rendezvous.ts'

const IPV4_MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i
/** An IPv6 client changes the lower half of its address at will. */
const NETWORK_GROUPS = 4
const GROUPS = 8

export function ipHash(): Policy {
  return {
    affinity: true,
    strict: false,
    choose<C extends Candidate>(candidates: readonly C[], client: Client): C | undefined {
      return rendezvous(candidates, networkOf(client.address))
    },
  }
}

/** IPv4 as it is, also when mapped into IPv6; of IPv6 the /64. */
export function networkOf(address: string): string {
  const mapped = IPV4_MAPPED.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [plain = ''] = address.split('%')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : GROUPS - before.length - after.length
  const groups = [...before, ...Array.from({ length: Math.max(0, zeros) }, () => '0'), ...after]
  return `${groups
    .slice(0, NETWORK_GROUPS)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}/64`
}
