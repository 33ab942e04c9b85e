/** Bounds how many apps boot at once; the others wait in line. */

import type { InstanceState } from '../../src/contract/instance.ts'

/** More would only make each slower, until some are too slow for their `listen_timeout`. */
const AT_ONCE = 16

/** Disposed of, nobody who is in line has a turn any more: the daemon ends, and its successor sees what is desired. */
export interface BootLine extends Disposable {
  /**
   * Does the work when it is its turn. The turn ends with the work, or as soon as each of these instances is loaded,
   * or has died: what they wait for then costs the host nothing.
   */
  boot<T>(ids: readonly number[], work: () => Promise<T>): Promise<T>
  /** An instance has a new state. */
  changed(state: InstanceState): void
}

interface Boot {
  loading: Set<number>
  end(): void
}

export function createBootLine(atOnce: number = AT_ONCE): BootLine {
  const line: (() => void)[] = []
  const boots = new Map<number, Boot>()
  let free = atOnce

  async function turn(): Promise<void> {
    if (free > 0) free -= 1
    else await new Promise<void>((begin) => line.push(begin))
  }

  function endTurn(): void {
    const next = line.shift()
    if (next === undefined) free += 1
    else next()
  }

  return {
    async boot(ids, work) {
      await turn()
      let hasEnded = false
      const boot: Boot = {
        loading: new Set(ids),
        end() {
          if (!hasEnded) endTurn()
          hasEnded = true
        },
      }
      for (const id of ids) boots.set(id, boot)
      try {
        return await work()
      } finally {
        for (const id of ids) if (boots.get(id) === boot) boots.delete(id)
        boot.end()
      }
    },
    changed(state) {
      if (!isLoaded(state)) return
      const boot = boots.get(state.id)
      if (boot?.loading.delete(state.id) === true && boot.loading.size === 0) boot.end()
    },
    [Symbol.dispose]() {
      line.length = 0
    },
  }
}

function isLoaded({ pid, phase, settling }: InstanceState): boolean {
  return phase === 'backoff' || (pid !== 0 && (phase !== 'starting' || settling === true))
}
