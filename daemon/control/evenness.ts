/** How evenly an app's connections are spread. Pure. */

import type { InstanceState } from '../../src/contract/instance.ts'

/**
 * Largest share by the mean one, of the instances in rotation, since somebody last came into it or left it.
 * @returns undefined where there is nothing to compare
 */
export function evennessOf(states: readonly InstanceState[]): number | undefined {
  const shares = states.flatMap(({ balance }) =>
    balance?.inRotation === true ? (balance.acceptedTogether ?? []) : [],
  )
  const total = shares.reduce((sum, share) => sum + share, 0)
  if (shares.length < 2 || total === 0) return undefined
  return (Math.max(...shares) * shares.length) / total
}
