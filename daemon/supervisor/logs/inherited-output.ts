/** A descriptor that this process was started with, as something to write logs to: the output of a container, a terminal, journald's socket. */

import { fstat, type Stats, write } from 'node:fs'
import { promisify } from 'node:util'

import type { LogHandle } from './log-handle.ts'

const PATH = /^\/dev\/fd\/(\d+)$/
/** 0 to 2 are the process's own. */
const FIRST_INHERITED = 3
/** Another process may have made the description non-blocking. A reader that takes longer than this is a slow one. */
const PATIENCE_MS = 1000
const RETRY_MS = 5

const fstatOf = promisify(fstat)

/** To open the name anew would fail for a socket, and for a pipe that belongs to another user, as in many containers. */
export function inheritedDescriptor(path: string): number | undefined {
  const fd = Number(PATH.exec(path)?.[1] ?? -1)
  return fd >= FIRST_INHERITED ? fd : undefined
}

export function inheritedOutput(fd: number): LogHandle {
  const writeAll = async (bytes: Buffer): Promise<{ bytesWritten: number }> => {
    let bytesWritten = 0
    for (let patienceMs = PATIENCE_MS; bytesWritten < bytes.length;) {
      try {
        bytesWritten += await writeSome(fd, bytes.subarray(bytesWritten))
      } catch (error) {
        const isFull = (error as NodeJS.ErrnoException).code === 'EAGAIN'
        if (!isFull || patienceMs <= 0) {
          if (bytesWritten > 0) break
          throw error
        }
        patienceMs -= RETRY_MS
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
      }
    }
    return { bytesWritten }
  }
  return {
    write: writeAll,
    writev: (parts) => writeAll(Buffer.concat(parts)),
    stat: (): Promise<Stats> => fstatOf(fd),
    // It is not ours alone: it is neither emptied nor closed.
    truncate: () => Promise.resolve(),
    close: () => Promise.resolve(),
    chmod: () => Promise.resolve(),
    chown: () => Promise.resolve(),
  }
}

function writeSome(fd: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => {
      if (error === null) resolve(written)
      else reject(error)
    })
  })
}
