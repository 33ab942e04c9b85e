/** What the kernel knows of processes. */

import { readdirSync, readFileSync } from 'node:fs'

/** CPU time of processes that are alive so far, all threads, by the scheduler's own count (nanoseconds, not ticks). */
export function cpuSeconds(pids: readonly number[]): number {
  let nanoseconds = 0
  for (const pid of pids)
    for (const task of readdirSync(`/proc/${pid}/task`))
      nanoseconds += Number(
        readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0],
      )
  return nanoseconds / 1e9
}

export interface MemoryFigures extends Record<string, number> {
  /** Nobody else has these pages: what the machine gets back when the process ends. */
  privateMb: number
  /** Shared pages count for each of those who share them in part. */
  pssMb: number
  rssMb: number
}

export function memoryOf(pid: number): MemoryFigures {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const mb = (field: string): number =>
    (Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(text)?.[1] ?? 0) * 1024) / 1e6
  return {
    privateMb: mb('Private_Clean') + mb('Private_Dirty'),
    pssMb: mb('Pss'),
    rssMb: mb('Rss'),
  }
}
