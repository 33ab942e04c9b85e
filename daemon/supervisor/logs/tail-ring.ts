/** The newest bytes of a stream, for the record of a death: kept at the price of one copy, read as lines when asked for. */

const TAIL_BYTES = 16 * 1024

export interface TailRing {
  push(chunk: Buffer): void
  /** @returns at most `count` lines, oldest first; empty lines are left out */
  lastLines(count: number): string[]
}

export function createTailRing(): TailRing {
  let ring: Buffer | undefined
  /** Bytes ever pushed; the next one goes to this place modulo the size. */
  let total = 0
  return {
    push(chunk) {
      ring ??= Buffer.allocUnsafeSlow(TAIL_BYTES)
      const part = chunk.length > TAIL_BYTES ? chunk.subarray(chunk.length - TAIL_BYTES) : chunk
      total += chunk.length - part.length
      const at = total % TAIL_BYTES
      const fitting = part.copy(ring, at)
      if (fitting < part.length) part.copy(ring, 0, fitting)
      total += part.length
    },
    lastLines(count) {
      if (ring === undefined || count <= 0) return []
      if (total <= TAIL_BYTES) return linesOf(ring.subarray(0, total)).slice(-count)
      const at = total % TAIL_BYTES
      const bytes = Buffer.concat([ring.subarray(at), ring.subarray(0, at)])
      const cut = bytes.indexOf(10) + 1
      return linesOf(bytes.subarray(cut)).slice(-count)
    },
  }
}

function linesOf(bytes: Buffer): string[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
    .filter((line) => line !== '')
}
