/** Frames lines, whatever the chunks: keeps an unfinished line until its rest comes. */

const NEWLINE = 10
const INITIAL_BYTES = 512
/** A line is kept whole up to here; a longer one goes on as a line of its own, so that memory has a bound. */
export const MAX_LINE_BYTES: number = 4 * 1024 * 1024

export interface LineHold {
  /**
   * @returns the lines that are complete now, each with its newline, in one buffer; undefined when there is none.
   * It may be a view of `chunk`.
   */
  push(chunk: Buffer): Buffer | undefined
  /** Gives away the unfinished line. */
  take(): Buffer | undefined
  isEmpty(): boolean
}

export function createLineHold(maxLineBytes: number = MAX_LINE_BYTES): LineHold {
  let held: Buffer | undefined
  let length = 0

  const hold = (part: Buffer): void => {
    if (part.length === 0) return
    if (held === undefined || held.length < length + part.length) {
      // Doubling: a line that comes byte by byte is not copied at each of them.
      const grown = Buffer.allocUnsafe(Math.max(INITIAL_BYTES, length * 2, length + part.length))
      held?.copy(grown, 0, 0, length)
      held = grown
    }
    part.copy(held, length)
    length += part.length
  }

  const take = (): Buffer | undefined => {
    const taken = length === 0 ? undefined : held?.subarray(0, length)
    held = undefined
    length = 0
    return taken
  }

  return {
    push(chunk) {
      const end = chunk.lastIndexOf(NEWLINE) + 1
      if (end === 0) {
        hold(chunk)
        if (length < maxLineBytes) return undefined
        hold(Buffer.of(NEWLINE))
        return take()
      }
      if (length === 0) {
        hold(chunk.subarray(end))
        return chunk.subarray(0, end)
      }
      hold(chunk.subarray(0, end))
      const lines = take()
      hold(chunk.subarray(end))
      return lines
    },
    take,
    isEmpty: () => length === 0,
  }
}
