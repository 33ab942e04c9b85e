/** Reads what the kernel has to say, often, and without leaving anything for the garbage collector but the text. */

import { closeSync, openSync, readSync } from 'node:fs'

/** More than any of those files has. `readFileSync` would allocate 64 KiB for each, since they tell no size. */
const buffer = Buffer.allocUnsafeSlow(16 * 1024)

/** @returns undefined when it is not there, not to be read, or went away */
export function readSmallFile(path: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    return buffer.toString('latin1', 0, readSync(fd, buffer, 0, buffer.length, 0))
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
