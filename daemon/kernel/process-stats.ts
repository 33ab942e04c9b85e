/** What the kernel tells of a process: memory, time on a CPU, and what it is doing. */

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

import { scanProcesses, treeOf } from './process-tree.ts'
import { readSmallFile } from './read-small-file.ts'

const IS_LINUX = process.platform === 'linux'
/** USER_HZ, the same on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100
/** proc(5)'s numbers less the two fields before the state. */
const STATE = 0
const USER_TICKS = 11
const SYSTEM_TICKS = 12

export interface MainThread {
  /** `R` runs or waits for a CPU, `S` and `D` wait for something, `T` and `t` are stopped. */
  state: string
  /** Time it has had on a CPU so far. */
  cpuMs: number
}

/** The thread that runs the event loop, not its workers. @returns undefined when it is gone */
export function mainThreadOf(pid: number): MainThread | undefined {
  if (!IS_LINUX) return mainThreadByPs(pid)
  const text = readSmallFile(`/proc/${pid}/task/${pid}/stat`)
  if (text === undefined) return undefined
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[USER_TICKS]) + Number(fields[SYSTEM_TICKS])
  return { state: fields[STATE] ?? '', cpuMs: (ticks * 1000) / TICKS_PER_SECOND }
}

/** Resident memory of the process. @returns undefined when it is gone */
export function rssOf(pid: number): number | undefined {
  if (!IS_LINUX) return rssByPs([pid])
  const pages = residentPages(pid)
  return pages === undefined ? undefined : pages * pageBytes()
}

/** Of the process and all it has started; what they share counts for each. */
export function treeRssOf(pid: number): number | undefined {
  const pids = descendantsOf(pid)
  if (!IS_LINUX) return rssByPs(pids)
  let total: number | undefined
  for (const one of pids) {
    const pages = residentPages(one)
    if (pages !== undefined) total = (total ?? 0) + pages * pageBytes()
  }
  return total
}

function residentPages(pid: number): number | undefined {
  const pages = Number(readSmallFile(`/proc/${pid}/statm`)?.split(' ')[1])
  // A zombie has none.
  return Number.isNaN(pages) || pages === 0 ? undefined : pages
}

let knownPageBytes: number | undefined

/** 4 KiB nearly everywhere, but 16 or 64 on some ARM systems: found by comparing two ways of asking. */
function pageBytes(): number {
  knownPageBytes ??=
    2 ** Math.round(Math.log2(process.memoryUsage.rss() / (residentPages(process.pid) ?? 1)))
  return knownPageBytes
}

/** The process itself comes first. */
function descendantsOf(pid: number): number[] {
  const direct = IS_LINUX ? childrenOf(pid) : undefined
  if (direct === undefined)
    return [pid, ...treeOf(pid, scanProcesses()).map((entry) => entry.pid)].filter(isFirst)
  return [pid, ...direct.flatMap(descendantsOf)]
}

/** Far cheaper than a look at every process. @returns undefined where the kernel has no such file */
function childrenOf(pid: number): number[] | undefined {
  const children: number[] = []
  for (const thread of list(`/proc/${pid}/task`)) {
    const text = readSmallFile(`/proc/${pid}/task/${thread}/children`)
    if (text === undefined) return undefined
    for (const word of text.split(' ')) if (word !== '') children.push(Number(word))
  }
  return children
}

function isFirst<T>(value: T, index: number, all: readonly T[]): boolean {
  return all.indexOf(value) === index
}

/** A process may end between two looks; that is no error. */
function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

function rssByPs(pids: readonly number[]): number | undefined {
  const lines = ps(['-o', 'rss=', '-p', pids.join(',')])
  return lines?.reduce((total, line) => total + Number(line) * 1024, 0)
}

/** `S  1:02.34`, or `R 1-02:03:04`. */
function mainThreadByPs(pid: number): MainThread | undefined {
  const [state = '', time = ''] =
    ps(['-o', 'state=,time=', '-p', String(pid)])?.[0]?.split(/\s+/) ?? []
  if (state === '') return undefined
  const [clock = '', days = '0'] = time.split('-').reverse()
  const seconds = clock.split(':').reduce((total, part) => total * 60 + Number(part), 0)
  return { state: state.slice(0, 1), cpuMs: (Number(days) * 86_400 + seconds) * 1000 }
}

function ps(args: string[]): string[] | undefined {
  try {
    const text = execFileSync('ps', args, { encoding: 'utf8' }).trim()
    return text === '' ? undefined : text.split('\n').map((line) => line.trim())
  } catch {
    return undefined // ps exits 1 when there is no such process
  }
}
