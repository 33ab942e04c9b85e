/**
 * Real pipes for the output of instances, in place of the socket pairs that `stdio: 'pipe'` makes. A socket pair
 * holds 278 small writes and costs a buffer for each; a pipe holds 64 KiB of lines: a tenth of the time for a flood.
 * And `/dev/stdout` can be opened, which it cannot be on a socket.
 */

import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'

import { makeMomentaryFolder, removeMomentaryFolder } from '../../kernel/momentary-folder.ts'

/**
 * Node cannot make a pipe, `mkfifo` can; it is asked for so many at once that it costs nearly nothing. Most
 * supervisors need no more than the first.
 */
const FIRST_BATCH = 16
const NEXT_BATCH = 128
const PREFIX = 'pipe-'
/**
 * Whoever has an end of it may open `/dev/stdout`, also as another user (`uid`): the name is in a closed folder and
 * gone before the process starts.
 */
const MODE = '622'

/**
 * Give `writeFd` to `spawn` as stdio and call `spawned()` right after; hand the pipe to `LogSink.attach`, which
 * owns the reading end from then on. Where nothing was spawned, `discard()`.
 */
export interface LogPipe {
  readonly writeFd: number
  readonly readFd: number
  /** Closes the writing end here, so that the stream ends with the last process that has it. */
  spawned(): void
  /** Closes what is still open. Not for a pipe that was attached. */
  discard(): void
}

export interface LogPipes extends Disposable {
  /** Makes the first ones now, where there is time for it. */
  prepare(): void
  /** @returns undefined where pipes cannot be made: `stdio: 'pipe'` will do then */
  open(): LogPipe | undefined
}

/** @param dir of this supervisor's own, and gone with it; the names are there only until their pipe is open */
export function createLogPipes(dir: string): LogPipes {
  let names: string[] = []
  let made = 0

  const makeNames = (): void => {
    if (made === 0) makeMomentaryFolder(dir)
    const count = made === 0 ? FIRST_BATCH : NEXT_BATCH
    const batch = Array.from({ length: count }, (_, index) => join(dir, `${PREFIX}${made + index}`))
    made += count
    execFileSync('mkfifo', ['-m', MODE, ...batch], { stdio: 'ignore' })
    names = batch
  }

  const prepare = (): void => {
    try {
      if (names.length === 0) makeNames()
    } catch {
      // no mkfifo, or a file system without pipes
    }
  }

  const forget = (): void => {
    names = []
    made = 0
  }

  const next = (): LogPipe | undefined => {
    prepare()
    const name = names.pop()
    return name === undefined ? undefined : openPipe(name)
  }

  return {
    prepare,
    open() {
      try {
        return next()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
        // A logout may clear what its user has in memory: RemoveIPC, logind.conf(5).
        forget()
        return next()
      }
    },
    [Symbol.dispose]() {
      forget()
      removeMomentaryFolder(dir)
    },
  }
}

function openPipe(name: string): LogPipe {
  // The reader first, and without waiting: an end alone would wait for the other.
  const readFd = openSync(name, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const writeFd = openSync(name, constants.O_WRONLY)
    let isWriteOpen = true
    const spawned = (): void => {
      if (isWriteOpen) closeSync(writeFd)
      isWriteOpen = false
    }
    return {
      readFd,
      writeFd,
      spawned,
      discard() {
        spawned()
        closeSync(readFd)
      },
    }
  } catch (error) {
    closeSync(readFd)
    throw error
  } finally {
    unlinkSync(name)
  }
}
