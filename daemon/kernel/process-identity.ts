/** Who a process is: its pid and the time it started, since pids are given out again. */

import { execFileSync } from 'node:child_process'

import { readPatiently } from './read-patiently.ts'

const START_TIME_FIELD = 22
const STATE_FIELD = 3

/** Fields of `/proc/<pid>/stat` as proc(5) numbers them; the name in parentheses may itself hold spaces. */
export function procStat(pid: number): ((field: number) => string) | undefined {
  // Out of descriptors is not gone: a supervisor that lives and is taken for dead would get a second one beside it.
  const text = readPatiently(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  const rest = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (field) => rest[field - STATE_FIELD] ?? ''
}

/**
 * Start time as a number that only ever is equal for the same process: clock ticks since boot on Linux,
 * epoch seconds elsewhere (`ps -o lstart`). 0 when there is no such process; a zombie counts as gone.
 */
export function pidStart(pid: number): number {
  if (pid <= 0) return 0
  if (process.platform === 'linux') {
    const field = procStat(pid)
    if (field === undefined || field(STATE_FIELD) === 'Z') return 0
    return Number(field(START_TIME_FIELD))
  }
  try {
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return Date.parse(text.trim()) / 1000 || 0
  } catch {
    return 0 // ps exits 1 when there is no such process
  }
}

/** True while the very process that `start` was read from is there. */
export function isSameProcess(pid: number, start: number): boolean {
  return start !== 0 && pidStart(pid) === start
}
