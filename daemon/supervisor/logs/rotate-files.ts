/** Rotation by rename, with logrotate's names: `app.log` → `app.log.1` → `app.log.2`, compressed ones `app.log.2.gz`. */

import type { Stats } from 'node:fs'
import { access, rename, unlink } from 'node:fs/promises'

import type { LogHandle } from './log-handle.ts'
import { isErrno } from './open-for-append.ts'

const SUFFIXES = ['', '.gz']

/**
 * Makes room for a new file at `path`.
 * @param kept how many old files stay, at least 1
 */
export async function shiftFiles(path: string, kept: number): Promise<void> {
  let free = 1
  while (free <= kept && (await isTaken(path, free))) free += 1
  if (free > kept) {
    free = kept
    await removeFrom(path, kept)
  }
  for (let number = free - 1; number >= 1; number -= 1) {
    for (const suffix of SUFFIXES) {
      await ifThere(rename(`${path}.${number}${suffix}`, `${path}.${number + 1}${suffix}`))
    }
  }
  await ifThere(rename(path, `${path}.1`))
}

async function isTaken(path: string, number: number): Promise<boolean> {
  for (const suffix of SUFFIXES) {
    if (await ifThere(access(`${path}.${number}${suffix}`))) return true
  }
  return false
}

/** Removes the files from this number on; more than one when `max_files` was lowered. */
async function removeFrom(path: string, first: number): Promise<void> {
  for (let number = first; ; number += 1) {
    let found = false
    for (const suffix of SUFFIXES) {
      if (await ifThere(unlink(`${path}.${number}${suffix}`))) found = true
    }
    if (!found) return
  }
}

/** The successor of a file belongs to whom that belonged and may be read by whom that could. */
export async function inherit(handle: LogHandle, from: Stats): Promise<void> {
  const now = await handle.stat()
  if (now.mode !== from.mode) await handle.chmod(from.mode & 0o7777)
  if (now.uid === from.uid && now.gid === from.gid) return
  try {
    await handle.chown(from.uid, from.gid)
  } catch {
    // only root may give files away; the log is written all the same
  }
}

async function ifThere(done: Promise<void>): Promise<boolean> {
  try {
    await done
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}
