/** Memory of a process that is nobody else's. */

import { readFileSync } from 'node:fs'

export function privateBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return [...text.matchAll(/Private_(?:Clean|Dirty): +(\d+)/g)].reduce(
    (sum, [, kb]) => sum + Number(kb) * 1024,
    0,
  )
}
