/** System errors by name. `node:os` has their numbers, too, but costs every instance a quarter of a millisecond. */

import { getSystemErrorMap } from 'node:util'

/** @returns the negative errno */
export function errnoOf(name: string): number {
  for (const [errno, [each]] of getSystemErrorMap()) if (each === name) return errno
  throw new Error(`no such system error: ${name}`)
}
