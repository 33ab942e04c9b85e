/** `pids/<app>-<id>.pid`, for scripts that look there. Trouble with it is never the app's trouble. */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export function writePidFile(path: string, pid: number): void {
  const write = (): void => writeFileSync(path, `${pid}\n`)
  try {
    try {
      write()
    } catch {
      // Only the first of a folder needs it, and asking for each of many apps takes as long as writing.
      mkdirSync(dirname(path), { recursive: true })
      write()
    }
  } catch {
    // A full disk or a lost folder: `lbm pid` knows the pid without the file.
  }
}

/** Leaves a file alone that names another process by now. */
export function removePidFile(path: string, pid: number): void {
  try {
    if (readFileSync(path, 'utf8').trim() === String(pid)) rmSync(path)
  } catch {
    // Gone already.
  }
}
