/** Bounds how many apps boot at once; the others wait in line. */

import type { InstanceState } from '../../src/contract/instance.ts'
import { after, type Clock } from '../kernel/clock.ts'

/** More would only make each slower, until some are too slow for their `listen_timeout`. */
const AT_ONCE = 16
const LOOK_MS = 1000
/** Of a core. Who uses less waits for something else than the CPU: a database, a `ready` that never comes. */
const IDLE_SHARE = 0.1

/** Disposed of, nobody who is in line has a turn any more: the daemon ends, and its successor sees what is desired. */
export interface BootLine extends Disposable {
  /**
   * Does the work when it is its turn. The turn ends with the work, or as soon as each of these instances is loaded,
   * has died, or only waits: that costs the host nothing.
   */
  boot<T>(ids: readonly number[], work: () => Promise<T>): Promise<T>
  /** An instance has a new state. */
  changed(state: InstanceState): void
}

export interface BootLineOptions {
  clock: Clock
  /** 0: there is no process yet. */
  pidOf: (id: number) => number
  /** What the process has used; undefined: it is not there. */
  cpuMsOf: (pid: number) => number | undefined
  atOnce?: number
}

interface Boot {
  loading: Set<number>
  /** At the last look. */
  usedMs: number | undefined
  end(): void
}

export function createBootLine({
  clock,
  pidOf,
  cpuMsOf,
  atOnce = AT_ONCE,
}: BootLineOptions): BootLine {
  const line: (() => void)[] = []
  const booting = new Set<Boot>()
  let free = atOnce
  let timer: Disposable | undefined

  async function turn(): Promise<void> {
    if (free > 0) {
      free -= 1
      return
    }
    timer ??= clock.at(after(clock.now(), LOOK_MS), look)
    await new Promise<void>((resolve) => line.push(resolve))
  }

  function endTurn(): void {
    const next = line.shift()
    if (next === undefined) free += 1
    else next()
  }

  function begin(ids: readonly number[]): Boot {
    const boot: Boot = {
      loading: new Set(ids),
      usedMs: undefined,
      end() {
        if (booting.delete(boot)) endTurn()
      },
    }
    booting.add(boot)
    return boot
  }

  function look(): void {
    timer = line.length === 0 ? undefined : clock.at(after(clock.now(), LOOK_MS), look)
    for (const boot of [...booting]) {
      const usedMs = usedBy(boot)
      const isIdle =
        usedMs !== undefined &&
        boot.usedMs !== undefined &&
        usedMs - boot.usedMs < IDLE_SHARE * LOOK_MS
      boot.usedMs = usedMs
      if (isIdle) boot.end()
    }
  }

  /** @returns undefined while one of them is yet to be spawned */
  function usedBy({ loading }: Boot): number | undefined {
    let usedMs = 0
    for (const id of loading) {
      const pid = pidOf(id)
      if (pid === 0) return undefined
      usedMs += cpuMsOf(pid) ?? 0
    }
    return usedMs
  }

  return {
    async boot(ids, work) {
      await turn()
      const boot = begin(ids)
      try {
        return await work()
      } finally {
        boot.end()
      }
    },
    changed(state) {
      if (!isLoaded(state)) return
      for (const boot of booting) {
        if (!boot.loading.delete(state.id)) continue
        // What the others have used is counted anew.
        boot.usedMs = undefined
        if (boot.loading.size === 0) boot.end()
      }
    },
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]()
      line.length = 0
    },
  }
}

function isLoaded({ pid, phase, settling }: InstanceState): boolean {
  return phase === 'backoff' || (pid !== 0 && (phase !== 'starting' || settling === true))
}
