/** Reads a small file although descriptors have run out: "not there" and "cannot be read now" must not be mixed up. */

import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'

const MAX_TURNS = 4

/** A descriptor that is given up when there is no other: enough for one file at a time. */
let reserve: number | undefined

/** At the start of a process, while there are some. */
export function holdReserve(): void {
  try {
    reserve ??= openSync('/dev/null', 'r')
  } catch {
    // there is none left: the next look tries again
  }
}

/**
 * As UTF-8, which Node reads without a buffer of its own: in any other way it makes one of 64 KiB for each file of the
 * kernel's, since they tell no size.
 * @returns undefined when there is no such file @throws what any other failure is
 */
export function readPatiently(path: string): string | undefined {
  return patiently(() => readFileSync(path, 'utf8'))
}

/** @returns nothing when there is no such folder */
export function listPatiently(folder: string): string[] {
  return patiently(() => readdirSync(folder)) ?? []
}

function patiently<T>(read: () => T): T | undefined {
  for (let turn = 1; ; turn += 1) {
    try {
      return read()
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT' || code === 'ESRCH' || code === 'ENOTDIR') return undefined
      if (turn === MAX_TURNS || (code !== 'EMFILE' && code !== 'ENFILE')) throw error
      releaseReserve()
    } finally {
      if (turn > 1) holdReserve()
    }
  }
}

function releaseReserve(): void {
  if (reserve === undefined) return
  closeSync(reserve)
  reserve = undefined
}
