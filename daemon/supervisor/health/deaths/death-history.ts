/** The last ends of one instance number, whichever generation they were of. */

import {
  type ExitReason,
  type InstanceState,
  MAX_DEATHS,
} from '../../../../src/contract/instance.ts'

export interface DeathHistory {
  /** Newest first. */
  list(): ExitReason[]
  add(exit: ExitReason): void
  /** What is told of a death may become known later than the death. */
  replace(exit: ExitReason, told: ExitReason): void
}

/** Of the last death every line is kept; of those before, what fits on a screen beside it. */
const OLDER_LINES = 5
const MAX_LINE = 500

/** @param known from before this supervisor; its last exit may be one that only the daemon knows of */
export function createDeathHistory(
  known: Pick<InstanceState, 'deaths' | 'lastExit'> = {},
): DeathHistory {
  const { deaths = [], lastExit } = known
  const isListed = lastExit === undefined || deaths.some((death) => isSameDeath(death, lastExit))
  let list = isListed ? deaths : [lastExit, ...deaths]

  function trim(): void {
    list = list.slice(0, MAX_DEATHS).map((death, index) => {
      const lines = index === 0 ? death.lastLines : death.lastLines.slice(-OLDER_LINES)
      return { ...death, lastLines: lines.map((line) => line.slice(0, MAX_LINE)) }
    })
  }

  trim()
  return {
    list: () => list,
    add(exit) {
      list = [exit, ...list]
      trim()
    },
    replace(exit, told) {
      list = list.map((death) => (isSameDeath(death, exit) ? told : death))
      trim()
    },
  }
}

function isSameDeath(a: ExitReason, b: ExitReason): boolean {
  return a.pid === b.pid && a.atMs === b.atMs
}
