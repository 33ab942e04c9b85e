/** The policy that a definition asks for. */

import type { BalanceSpec } from '../../../src/contract/app.ts'
import { ipHash } from './ip-hash.ts'
import { leastConnections } from './least-connections.ts'
import type { Policy } from './policy.ts'
import { randomTwo } from './random-2.ts'
import { roundRobin } from './round-robin.ts'
import { sticky } from './sticky.ts'
import { weighted } from './weighted.ts'

export function choosePolicy({ policy, weights }: BalanceSpec, random: () => number): Policy {
  switch (policy) {
    case 'round-robin':
      return roundRobin()
    case 'random-2':
      return randomTwo(random)
    case 'ip-hash':
      return ipHash()
    case 'weighted':
      return weighted(weights)
    case 'sticky':
      return sticky()
    // Where the kernel chooses, what comes to the supervisor all the same goes to whoever has least.
    case 'kernel':
    case 'reuseport':
    case 'least-connections':
      return leastConnections()
  }
}
