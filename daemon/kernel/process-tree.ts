/** Finding and ending everything that a process started. */

import { execFileSync } from 'node:child_process'

import { isSameProcess, procStat } from './process-identity.ts'
import { listPatiently } from './read-patiently.ts'

export interface ProcessEntry {
  pid: number
  parent: number
  group: number
  session: number
  start: number
}

const FIELD = { state: 3, parent: 4, group: 5, session: 6, start: 22 } as const

/** One look at the process table; zombies are left out. */
export function scanProcesses(): ProcessEntry[] {
  return process.platform === 'linux' ? scanProc() : scanPs()
}

function scanProc(): ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const name of listPatiently('/proc')) {
    const pid = Number(name)
    if (!Number.isInteger(pid)) continue
    const field = procStat(pid)
    if (field === undefined || field(FIELD.state) === 'Z') continue
    entries.push({
      pid,
      parent: Number(field(FIELD.parent)),
      group: Number(field(FIELD.group)),
      session: Number(field(FIELD.session)),
      start: Number(field(FIELD.start)),
    })
  }
  return entries
}

function scanPs(): ProcessEntry[] {
  const text = execFileSync('ps', ['-axo', 'pid=,ppid=,pgid=,sess=,lstart='], { encoding: 'utf8' })
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [pid = '', parent = '', group = '', session = '', ...started] = line.trim().split(/\s+/)
      return {
        pid: Number(pid),
        parent: Number(parent),
        group: Number(group),
        session: Number(session),
        start: Date.parse(started.join(' ')) / 1000 || 0,
      }
    })
}

let next: Promise<ProcessEntry[]> | undefined

/** A look that begins after this turn, one for all who ask in it: hundreds that end at once are one table. */
export function nextScan(): Promise<ProcessEntry[]> {
  next ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    next = undefined
    return scanProcesses()
  })
  return next
}

/**
 * The process, its descendants, and whatever kept its session or process group though its parent is gone.
 * Instances lead a session of their own (`detached`), so the session finds double-forked grandchildren.
 */
export function treeOf(root: number, table: readonly ProcessEntry[]): ProcessEntry[] {
  const found = new Map<number, ProcessEntry>()
  const inTree = (entry: ProcessEntry): boolean =>
    entry.pid === root ||
    entry.session === root ||
    entry.group === root ||
    found.has(entry.parent) ||
    entry.parent === root
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const entry of table)
      if (!found.has(entry.pid) && inTree(entry)) found.set(entry.pid, entry)
  }
  return [...found.values()]
}

/** Signals each that is still the same process; one that is gone meanwhile is no error. */
export function signalAll(entries: readonly ProcessEntry[], signal: NodeJS.Signals | number): void {
  for (const { pid, start } of entries) {
    if (isSameProcess(pid, start)) signalPid(pid, signal)
  }
}

/** @returns false when there is no such process, or it is not ours */
export function signalPid(pid: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false // ESRCH: gone; EPERM: it became somebody else's
  }
}
