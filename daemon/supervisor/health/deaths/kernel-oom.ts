/** Was a process that got SIGKILL killed by the kernel for want of memory? The kernel only counts such kills. */

import type { Monotonic } from '../../../../src/contract/units.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { readSmallFile } from '../../../kernel/read-small-file.ts'

export type ReadFile = (path: string) => string | undefined

/** A kill that nobody died of by then was of a process that is not ours. */
const UNCLAIMED_MS = 3000
/** One look serves all processes of a group. */
const LOOK_MS = 500

export interface OomLedger {
  /** Looks at the counter while the process lives. Cheap; to be called every few seconds. */
  watch(pid: number): void
  /** The process got a SIGKILL that nobody here sent. Each kill that was counted explains one death. */
  claim(pid: number): boolean
  forget(pid: number): void
}

interface Counter {
  path: string
  lookedAtMs: Monotonic
  /** Kills that are accounted for. */
  settled: number
  /** As last seen, and when it became more than that. */
  seen: number
  sinceMs: Monotonic
}

export function createOomLedger(
  clock: Pick<Clock, 'now'>,
  read: ReadFile = readSmallFile,
): OomLedger {
  const counters = new Map<string, Counter>()
  const watched = new Map<number, { groups: string; counter: Counter }>()

  function look(counter: Counter): void {
    const now = clock.now()
    const seen = killsIn(read(counter.path)) ?? counter.seen
    if (counter.seen > counter.settled && now - counter.sinceMs > UNCLAIMED_MS)
      counter.settled = counter.seen
    if (seen > counter.seen) counter.sinceMs = now
    counter.seen = seen
    counter.lookedAtMs = now
  }

  function counterOf(groups: string): Counter | undefined {
    const path = counterPath(groups, read)
    if (path === undefined) return undefined
    const kills = killsIn(read(path)) ?? 0
    const now = clock.now()
    const fresh = { path, lookedAtMs: now, settled: kills, seen: kills, sinceMs: now }
    const counter = counters.get(path) ?? fresh
    counters.set(path, counter)
    return counter
  }

  return {
    watch(pid) {
      // A process may be moved to another group at any time.
      const groups = read(`/proc/${pid}/cgroup`) ?? ''
      const known = watched.get(pid)
      if (known === undefined || known.groups !== groups) {
        const counter = counterOf(groups)
        if (counter !== undefined) watched.set(pid, { groups, counter })
      } else if (clock.now() - known.counter.lookedAtMs >= LOOK_MS) {
        look(known.counter)
      }
    },
    claim(pid) {
      const counter = watched.get(pid)?.counter
      if (counter === undefined) return false
      look(counter)
      if (counter.seen <= counter.settled) return false
      counter.settled += 1
      return true
    },
    forget(pid) {
      const counter = watched.get(pid)?.counter
      watched.delete(pid)
      const isUsed = [...watched.values()].some((other) => other.counter === counter)
      if (counter !== undefined && !isUsed) counters.delete(counter.path)
    },
  }
}

const EVERYWHERE = '/proc/vmstat'

/** The narrowest counter that covers the process: its own cgroup's, else the whole system's. */
function counterPath(groups: string, read: ReadFile): string | undefined {
  const candidates = groups.split('\n').flatMap((line) => {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    if (controllers === '') return filesOfV2(path)
    return controllers?.split(',').includes('memory') === true ? filesOfV1(path) : []
  })
  return [...candidates, EVERYWHERE].find((file) => killsIn(read(file)) !== undefined)
}

// In a container the own cgroup is what is mounted there, whatever its path is called outside.

function filesOfV2(path: string): string[] {
  const folder = path === '/' ? '' : path
  return [
    `/sys/fs/cgroup${folder}/memory.events`,
    `/sys/fs/cgroup/unified${folder}/memory.events`,
    '/sys/fs/cgroup/memory.events',
  ]
}

/** The system's root cgroup has such a file, too, but nothing is counted in it. */
function filesOfV1(path: string): string[] {
  const root = '/sys/fs/cgroup/memory'
  return path === '/' ? [] : [`${root}${path}/memory.oom_control`, `${root}/memory.oom_control`]
}

function killsIn(text: string | undefined): number | undefined {
  const kills = /^oom_kill (\d+)$/m.exec(text ?? '')?.[1]
  return kills === undefined ? undefined : Number(kills)
}
