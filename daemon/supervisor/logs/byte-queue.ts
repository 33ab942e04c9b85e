/** Bytes on their way to a file, in slabs that are used again: a flood must not become garbage. */

const NEWLINE = 10
export const SLAB_BYTES: number = 64 * 1024
/** Slabs kept for reuse by a whole supervisor; more in flight at once are left to the collector. */
const MAX_FREE_SLABS = 8

export interface SlabPool {
  take(): Buffer
  give(slab: Buffer): void
}

export function createSlabPool(): SlabPool {
  const free: Buffer[] = []
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES),
    give(slab) {
      if (free.length < MAX_FREE_SLABS) free.push(slab)
    },
  }
}

export interface ByteQueue {
  size(): number
  /** Copies the bytes. */
  append(chunk: Uint8Array): void
  /** Views of the first `count` bytes; they hold until these are consumed. */
  views(count: number): Buffer[]
  consume(count: number): void
  byteAt(offset: number): number | undefined
  /** Offset behind the last newline among the first `limit` bytes; 0 when there is none. */
  lastLineEnd(limit: number): number
  /** Offset behind the first newline at or after `from`; -1 when there is none. */
  nextLineEnd(from: number): number
  /** Takes the bytes from `from` to `to` out, which no write in flight reads. */
  remove(from: number, to: number): Buffer
}

interface Piece {
  slab: Buffer
  start: number
  end: number
}

export function createByteQueue(pool: SlabPool): ByteQueue {
  let pieces: Piece[] = []
  let bytes = 0

  const append = (chunk: Uint8Array): void => {
    let from = 0
    while (from < chunk.length) {
      let last = pieces.at(-1)
      if (last === undefined || last.end === SLAB_BYTES) {
        last = { slab: pool.take(), start: 0, end: 0 }
        pieces.push(last)
      }
      const part = chunk.subarray(from, from + SLAB_BYTES - last.end)
      last.slab.set(part, last.end)
      last.end += part.length
      from += part.length
    }
    bytes += chunk.length
  }

  const views = (count: number): Buffer[] => {
    const found: Buffer[] = []
    let rest = count
    for (const { slab, start, end } of pieces) {
      if (rest <= 0) break
      found.push(slab.subarray(start, Math.min(end, start + rest)))
      rest -= end - start
    }
    return found
  }

  const consume = (count: number): void => {
    let rest = count
    bytes -= count
    while (rest > 0) {
      const first = pieces[0]
      if (first === undefined) return
      const taken = Math.min(rest, first.end - first.start)
      first.start += taken
      rest -= taken
      if (first.start === first.end) {
        pieces.shift()
        pool.give(first.slab)
      }
    }
  }

  return {
    size: () => bytes,
    append,
    views,
    consume,
    byteAt(offset) {
      let rest = offset
      for (const { slab, start, end } of pieces) {
        if (rest < end - start) return slab[start + rest]
        rest -= end - start
      }
      return undefined
    },
    lastLineEnd(limit) {
      const found = views(Math.min(limit, bytes))
      let end = Math.min(limit, bytes)
      for (const view of found.reverse()) {
        const at = view.lastIndexOf(NEWLINE)
        if (at !== -1) return end - view.length + at + 1
        end -= view.length
      }
      return 0
    },
    nextLineEnd(from) {
      let offset = 0
      for (const { slab, start, end } of pieces) {
        const length = end - start
        const skipped = Math.max(0, from - offset)
        if (skipped < length) {
          const at = slab.subarray(start + skipped, end).indexOf(NEWLINE)
          if (at !== -1) return offset + skipped + at + 1
        }
        offset += length
      }
      return -1
    },
    remove(from, to) {
      const removed = Buffer.concat(views(to)).subarray(from)
      let offset = 0
      const kept: Piece[] = []
      for (const piece of pieces) {
        const { slab, start, end } = piece
        const cut = Math.max(start, Math.min(end, start + from - offset))
        const behind = Math.max(start, Math.min(end, start + to - offset))
        offset += end - start
        if (cut === behind) kept.push(piece)
        else kept.push(...partsAround(slab, [start, cut], [behind, end]))
      }
      pieces = kept
      bytes -= removed.length
      return removed
    },
  }

  /** Each slab is in one piece only, since it is given back with that. */
  function partsAround(slab: Buffer, front: [number, number], back: [number, number]): Piece[] {
    const [start, cut] = front
    const [behind, end] = back
    if (start === cut && behind === end) pool.give(slab)
    if (start === cut) return behind === end ? [] : [{ slab, start: behind, end }]
    // A write in flight may still read what is before the cut, so it is what is behind that moves.
    if (behind === end) return [{ slab, start, end: cut }]
    const moved = pool.take()
    slab.copy(moved, 0, behind, end)
    return [
      { slab, start, end: cut },
      { slab: moved, start: 0, end: end - behind },
    ]
  }
}

export function countLines(bytes: Uint8Array): number {
  let count = 0
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) count += 1
  return count
}

export function endsLine(bytes: Uint8Array): boolean {
  return bytes.at(-1) === NEWLINE
}
