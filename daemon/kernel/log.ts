/** lbm's own log: one JSON object a line, in a file of bounded size that several processes append to. */

import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs'

import { LbmError } from '../../src/contract/errors.ts'
import type { Clock } from './clock.ts'

/** `event` is a constant such as `instance.exited`; fields carry units. No env values, no command lines. */
export type Log = (event: string, fields?: Record<string, unknown>) => void

export interface LogFile extends Disposable {
  log: Log
  /** For children's stderr. Changes with `reopen`. */
  fd(): number
  /**
   * Somebody renamed the file: go on in a new one of the same name.
   * @throws LbmError OPERATION_FAILED when there can be none now; the old one is written on
   */
  reopen(): void
}

export interface LogFileOptions {
  path: string
  /** Who writes; a field of each line. */
  from: string
  clock: Clock
  /** The file is copied to `<path>.1` and emptied once it is longer; the two together are the bound. */
  maxBytes?: number
}

const DEFAULT_MAX_BYTES = 5 * 1024 * 1024
/** Others append too, so its size is looked up, but not at each line. */
const CHECK_EVERY = 64

export function openLogFile({
  path,
  from,
  clock,
  maxBytes = DEFAULT_MAX_BYTES,
}: LogFileOptions): LogFile {
  let fd = openSync(path, 'a', 0o600)
  let untilCheck = 0

  /** Emptied, not renamed: other processes hold it open for appending. */
  function keepBounded(): void {
    untilCheck = CHECK_EVERY
    if (fstatSync(fd).size <= maxBytes) return
    copyFileSync(path, `${path}.1`)
    ftruncateSync(fd, 0)
  }

  return {
    log(event, fields) {
      const at = new Date(clock.wall()).toISOString()
      try {
        if (untilCheck === 0) keepBounded()
        untilCheck -= 1
        writeSync(fd, `${JSON.stringify({ at, from, event, ...fields })}\n`)
      } catch {
        // A full disk loses lines of this log and nothing else.
      }
    },
    fd: () => fd,
    reopen() {
      const old = fd
      try {
        fd = openSync(path, 'a', 0o600)
      } catch (cause) {
        const why = (cause as Error).message
        throw new LbmError('OPERATION_FAILED', `${path} could not be opened anew: ${why}.`, {
          cause,
        })
      }
      closeSync(old)
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

/** The stack of a bug, for the log only. */
export function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
