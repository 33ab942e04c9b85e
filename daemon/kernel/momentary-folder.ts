/** Folders for names that live for a moment. */

import { mkdirSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { dirname } from 'node:path'

const IN_MEMORY = '/dev/shm/lbm-'

/**
 * Makes it anew, for its owner alone: in memory where the system has a place for that, with `path` a link to it. On a
 * disk each name costs an inode, and ext4 passes over all that were freed within the last minutes before it gives one
 * (`recently_deleted`, fs/ext4/ialloc.c).
 */
export function makeMomentaryFolder(path: string): void {
  removeMomentaryFolder(path)
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  try {
    symlinkSync(mkdtempSync(IN_MEMORY), path)
  } catch {
    mkdirSync(path, { mode: 0o700 })
  }
}

/** With all that is in it; also one that a killed process left. */
export function removeMomentaryFolder(path: string): void {
  const target = targetOf(path)
  if (target?.startsWith(IN_MEMORY) === true) rmSync(target, { recursive: true, force: true })
  rmSync(path, { recursive: true, force: true })
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch {
    return undefined // not there, or a folder
  }
}
