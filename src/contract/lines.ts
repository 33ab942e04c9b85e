/** Framing of the wire: one document a line. */

/** A longer line is refused and the connection closed. */
export const MAX_LINE_CHARS: number = 1024 * 1024

export interface LineSplitter {
  /** @returns false once a line was longer than `MAX_LINE_CHARS`; the caller closes the connection */
  push(text: string): boolean
}

/**
 * Calls `onLine` for each complete line, without its newline; keeps an incomplete one for the next chunk.
 * Give it decoded text (`socket.setEncoding('utf8')` keeps split characters whole).
 */
export function createLineSplitter(
  onLine: (line: string) => void,
  maxChars: number = MAX_LINE_CHARS,
): LineSplitter {
  let pieces: string[] = []
  let pendingChars = 0
  return {
    push(text) {
      let start = 0
      for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
        const tail = text.slice(start, end)
        const line = pieces.length === 0 ? tail : pieces.join('') + tail
        pieces = []
        pendingChars = 0
        start = end + 1
        if (line.length > maxChars) return false
        if (line !== '') onLine(line)
      }
      if (start < text.length) {
        pieces.push(text.slice(start))
        pendingChars += text.length - start
      }
      return pendingChars <= maxChars
    },
  }
}
