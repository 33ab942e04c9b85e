/** Decides what a log file does next: how much of the queue is written, or that it is rotated first. Pure. */

import type { ByteQueue } from './byte-queue.ts'
import { MAX_LINE_BYTES } from './line-hold.ts'

/** One write: large enough for the flood of a second's fraction, small enough to be over soon. */
const MAX_WRITE_BYTES = 512 * 1024

export type WriteStep = { type: 'rotate' } | { type: 'write'; bytes: number }

export interface WriteSituation {
  queue: Pick<ByteQueue, 'size' | 'lastLineEnd' | 'nextLineEnd'>
  /** Bytes in the file. */
  fileBytes: number
  /** Infinity for a file that is not rotated. */
  maxBytes: number
  /** The file's last byte is not a newline. */
  isMidLine: boolean
  /** The time of this file is over, whatever its size. */
  isDue: boolean
  /** The rest of the unfinished line alone is wanted: something else is to be written behind it. */
  restOfLineOnly: boolean
}

/** A line is never divided between two files, unless it alone is larger than `MAX_LINE_BYTES` beyond the limit. */
export function planWrite(situation: WriteSituation): WriteStep {
  const { queue, fileBytes, maxBytes, isMidLine, isDue, restOfLineOnly } = situation
  const available = Math.min(queue.size(), MAX_WRITE_BYTES)
  if (isMidLine && (isDue || restOfLineOnly)) {
    const end = queue.nextLineEnd(0)
    return { type: 'write', bytes: end === -1 ? available : end }
  }
  if (isDue && fileBytes > 0) return { type: 'rotate' }

  const room = maxBytes - fileBytes
  const wholeLines = queue.lastLineEnd(Math.min(available, Math.max(0, room)))
  if (wholeLines > 0) return { type: 'write', bytes: wholeLines }
  if (available <= room) return { type: 'write', bytes: available }
  if (!isMidLine && fileBytes > 0) return { type: 'rotate' }
  if (room < -MAX_LINE_BYTES) return { type: 'rotate' }
  const end = queue.nextLineEnd(0)
  return { type: 'write', bytes: end === -1 || end > available ? available : end }
}
