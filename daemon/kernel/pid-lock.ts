/** A file that one process at a time holds, with its pid and start time inside. */

import { linkSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'

import { isSameProcess, pidStart } from './process-identity.ts'
import { readPatiently } from './read-patiently.ts'

export interface LockHolder {
  pid: number
  start: number
}

export interface PidLock extends Disposable {
  /**
   * False once somebody else's lock is there: then this process must not go on as the holder.
   * A lock file that was deleted is made again.
   */
  isHeld(): boolean
}

/** Each turn somebody else came first; that many in a row do not happen. */
const MAX_TURNS = 100

/**
 * `link` decides: it fails when the file is there, so one of several wins. A dead holder's file is taken away
 * by `rename`, which one of several wins too; then all compete for the link again.
 * Between reading a dead holder and taking its file away, another may have done both and won. Then a living
 * holder's file was taken, and it is put back; that one checks `isHeld` before it acts on the lock.
 * @returns the lock, or who holds it
 */
export function acquirePidLock(path: string, pid: number = process.pid): PidLock | LockHolder {
  const own = `${JSON.stringify({ pid, start: pidStart(pid) })}\n`
  const temporary = `${path}.${pid}`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, own, { flag: 'wx', mode: 0o600 })
  try {
    for (let turn = 0; turn < MAX_TURNS; turn += 1) {
      if (tryLink(temporary, path)) return lockOf(path, temporary, own)
      const text = readIfThere(path)
      if (text === undefined) continue
      const holder = parseHolder(text)
      if (holder !== undefined && isSameProcess(holder.pid, holder.start)) return holder
      takeAway(path, `${temporary}.stale`, text)
    }
    throw new Error(`cannot lock ${path}: it changes hands all the time`)
  } finally {
    unlinkSync(temporary)
  }
}

export function isLock(value: PidLock | LockHolder): value is PidLock {
  return 'isHeld' in value
}

function lockOf(path: string, temporary: string, own: string): PidLock {
  return {
    isHeld() {
      if (readIfThere(path) === undefined) linkNew(path, temporary, own)
      return readIfThere(path) === own
    },
    [Symbol.dispose]() {
      if (readIfThere(path) === own) rmSync(path, { force: true })
    },
  }
}

function linkNew(path: string, temporary: string, own: string): void {
  writeFileSync(temporary, own, { mode: 0o600 })
  tryLink(temporary, path)
  rmSync(temporary, { force: true })
}

function takeAway(path: string, aside: string, expected: string): void {
  try {
    renameSync(path, aside)
  } catch {
    return // another took it away first
  }
  if (readIfThere(aside) !== expected) tryLink(aside, path)
  rmSync(aside, { force: true })
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readIfThere(path: string): string | undefined {
  return readPatiently(path)
}

/** Undefined for what no process of ours wrote: such a file holds nothing. */
function parseHolder(text: string): LockHolder | undefined {
  try {
    const value = JSON.parse(text) as Partial<LockHolder> | null
    return Number.isInteger(value?.pid) && typeof value?.start === 'number'
      ? (value as LockHolder)
      : undefined
  } catch {
    return undefined
  }
}
