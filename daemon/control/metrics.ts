/** CPU and memory of the instances, sampled on a timer: whoever asks gets the last sample. */

import type { Clock } from '../kernel/clock.ts'
import { after } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { ProcessEntry } from '../kernel/process-tree.ts'
import type { Usage } from './instance-cache.ts'

export interface Measured {
  id: number
  pid: number
  /** Sum over the process and all that it started, as for `npm start`. */
  wholeTree: boolean
}

export interface Measure {
  cpu: number
  memory: number
}

export interface MetricsOptions {
  clock: Clock
  log: Log
  targets: () => Measured[]
  /** CPU in percent of a core since the last measure, by pid. */
  measure: (pids: number[]) => Promise<Record<string, Measure | null | undefined>>
  /** Memory of one process now: for the first look at one that came a moment ago. */
  glance: (pid: number) => number | undefined
  scan: () => ProcessEntry[]
  /** CPU time that this process has used. */
  cpuMs: () => number
}

export interface Metrics extends Disposable {
  /** Of a process that was not sampled yet: its memory alone. Undefined where there is none. */
  usageOf(id: number, pid: number): Usage | undefined
  /** Somebody looks: sample often for a while. */
  noteInterest(): void
  /** An instance came: it should not show zeros for long. */
  noteChange(): void
}

const WATCHED_INTERVAL_MS = 2000
const REST_INTERVAL_MS = 30_000
const INTEREST_MS = 20_000
/** A burst of starts is one sample. */
const SETTLE_MS = 250
/** What sampling may take of a core, for few instances and for many. */
const FEW = { instances: 8, share: 0.002 }
const MANY = { instances: 500, share: 0.01 }

export function createMetrics(options: MetricsOptions): Metrics {
  const { clock } = options
  let usages = new Map<number, Usage & { pid: number }>()
  let timer: Disposable | undefined
  let dueAt = Infinity
  let sampling = false
  let disposed = false
  let earliestAt: number = clock.now()
  let interestUntil = -Infinity

  function schedule(at: number): void {
    if (disposed || at >= dueAt) return
    timer?.[Symbol.dispose]()
    dueAt = at
    timer = clock.at(after(clock.now(), Math.max(0, at - clock.now())), () => void run())
  }

  async function run(): Promise<void> {
    dueAt = Infinity
    if (sampling) return
    sampling = true
    const targets = options.targets()
    const cpuBefore = options.cpuMs()
    try {
      usages = targets.length === 0 ? new Map() : await sample(targets)
    } catch (error) {
      options.log('metrics.failed', { message: (error as Error).message })
    }
    sampling = false
    const costMs = options.cpuMs() - cpuBefore
    const now = clock.now()
    earliestAt = now + costMs / allowedShare(targets.length)
    if (targets.length === 0) return
    const interval = now < interestUntil ? WATCHED_INTERVAL_MS : REST_INTERVAL_MS
    schedule(Math.max(now + interval, earliestAt))
  }

  async function sample(targets: readonly Measured[]): Promise<typeof usages> {
    const table = targets.some(({ wholeTree }) => wholeTree)
      ? indexProcesses(options.scan())
      : undefined
    const trees = targets.map(({ id, pid, wholeTree }) => ({
      id,
      pid,
      pids: wholeTree && table !== undefined ? table.treeOf(pid) : [pid],
    }))
    const measured = await options.measure(trees.flatMap(({ pids }) => pids))
    return new Map(
      trees.map(({ id, pid, pids }) => {
        const parts = pids.map((one) => measured[one]).filter(isThere)
        return [
          id,
          {
            pid,
            cpuPercent: parts.reduce((sum, { cpu }) => sum + cpu, 0),
            memoryBytes: parts.reduce((sum, { memory }) => sum + memory, 0),
          },
        ]
      }),
    )
  }

  return {
    usageOf(id, pid) {
      const usage = usages.get(id)
      if (usage?.pid === pid) return usage
      const memoryBytes = pid > 0 ? options.glance(pid) : undefined
      return memoryBytes === undefined ? undefined : { cpuPercent: 0, memoryBytes }
    },
    noteInterest() {
      const now = clock.now()
      const wasQuiet = now >= interestUntil
      interestUntil = now + INTEREST_MS
      if (wasQuiet) schedule(Math.max(now, earliestAt))
    },
    noteChange: () => schedule(Math.max(clock.now() + SETTLE_MS, earliestAt)),
    [Symbol.dispose]() {
      disposed = true
      timer?.[Symbol.dispose]()
    },
  }
}

function isThere(part: Measure | null | undefined): part is Measure {
  return part !== null && part !== undefined
}

function allowedShare(instances: number): number {
  const position = (instances - FEW.instances) / (MANY.instances - FEW.instances)
  return FEW.share + (MANY.share - FEW.share) * Math.min(1, Math.max(0, position))
}

/** Looked up once a sample, since a walk over the table for each of 500 instances is the square of it. */
function indexProcesses(table: readonly ProcessEntry[]): { treeOf: (pid: number) => number[] } {
  const related = new Map<number, number[]>()
  const relate = (to: number, pid: number): void => {
    const list = related.get(to)
    if (list === undefined) related.set(to, [pid])
    else list.push(pid)
  }
  for (const { pid, parent, session } of table) {
    relate(parent, pid)
    // An instance leads a session of its own; it finds what lost its parent.
    if (session !== pid) relate(session, pid)
  }
  return {
    treeOf(root) {
      const found = new Set([root])
      for (const pid of found) {
        for (const child of related.get(pid) ?? []) found.add(child)
      }
      return [...found]
    },
  }
}
