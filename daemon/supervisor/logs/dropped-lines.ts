/** Drops lines from a queue that no longer fits, and leaves a line in their place that says how many. */

import { type ByteQueue, countLines, endsLine } from './byte-queue.ts'
import type { Destination } from './destination.ts'

const NEWLINE = 10

export interface DroppedLines {
  /**
   * Drops the oldest lines, but not the rest of one whose beginning is written.
   * @param bytes so many at least, as far as they are there
   * @param inFlightBytes so many at the queue's front are being written
   * @returns how many bytes went
   */
  drop(bytes: number, inFlightBytes: number): number
  /** Lines were dropped of which the file does not yet tell. */
  isUntold(): boolean
  /** The file is where the line about them belongs. */
  mayTell(): boolean
  /** Writes the line about them, as far as the file takes it. */
  tell(): Promise<void>
  untoldLines(): number
}

export interface DroppedLinesOptions {
  queue: ByteQueue
  destination: Destination
  /** Makes a line of the log, newline included, out of a remark of lbm's. */
  remark: (text: string) => Buffer
  reason: () => string
  onTold: (lines: number) => void
}

/** The line about dropped lines, as far as it is not yet written. */
interface Note {
  rest: Buffer
  lines: number
  isBegun: boolean
}

export function createDroppedLines({
  queue,
  destination,
  remark,
  reason,
  onTold,
}: DroppedLinesOptions): DroppedLines {
  let lines = 0
  let note: Note | undefined

  const newNote = (): Note => {
    const text = remark(`[lbm] ${lines} ${lines === 1 ? 'line' : 'lines'} dropped: ${reason()}`)
    const noted = {
      rest: destination.isMidLine() ? Buffer.concat([Buffer.of(NEWLINE), text]) : text,
      lines,
      isBegun: false,
    }
    lines = 0
    return noted
  }

  return {
    drop(bytes, inFlightBytes) {
      const size = queue.size()
      // An unfinished note is not the beginning of the queue's first line.
      const endsMidLine = note === undefined && destination.isMidLine()
      const isMidLine =
        inFlightBytes === 0 ? endsMidLine : queue.byteAt(inFlightBytes - 1) !== NEWLINE
      const restEnd = isMidLine ? queue.nextLineEnd(inFlightBytes) : inFlightBytes
      const start = restEnd === -1 || restEnd === size ? inFlightBytes : restEnd
      if (start >= size) return 0
      const end = queue.nextLineEnd(Math.min(start + bytes, size) - 1)
      const dropped = queue.remove(start, end === -1 ? size : end)
      lines += countLines(dropped) + (endsLine(dropped) ? 0 : 1)
      return dropped.length
    },
    isUntold: () => lines > 0 || note !== undefined,
    mayTell() {
      if (note !== undefined) return true
      return lines > 0 && (!destination.isMidLine() || queue.nextLineEnd(0) === -1)
    },
    async tell() {
      note ??= newNote()
      const { rest, lines: told, isBegun } = note
      let written: number
      try {
        written = await destination.write([rest])
      } catch (error) {
        if (!isBegun) {
          // Nothing of it is in the file: more may be dropped before the next try.
          lines += told
          note = undefined
        }
        throw error
      }
      note =
        written < rest.length
          ? { rest: rest.subarray(written), lines: told, isBegun: true }
          : undefined
      if (note === undefined) onTold(told)
    },
    untoldLines: () => lines + (note?.lines ?? 0),
  }
}
