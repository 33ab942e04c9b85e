/** The last lines of a file, read backwards from its end. */

import { fstatSync, readSync } from 'node:fs'

const BLOCK_BYTES = 64 * 1024
/** Without newlines for so long it is no log; what lies further back is left out. */
const MAX_BYTES = 16 * 1024 * 1024

export interface Tail {
  /** Without their newlines; the last one may still grow. */
  lines: string[]
  /** Where following goes on. */
  position: number
}

export function readTail(fd: number, count: number): Tail {
  const { size } = fstatSync(fd)
  if (count === 0) return { lines: [], position: startOfLastLine(fd, size) }
  const blocks: Buffer[] = []
  let start = size
  let newlines = 0
  while (start > 0 && newlines <= count && size - start < MAX_BYTES) {
    const length = Math.min(BLOCK_BYTES, start)
    start -= length
    const block = readBlock(fd, start, length)
    newlines += countNewlines(block)
    blocks.unshift(block)
  }
  const lines = Buffer.concat(blocks).toString('utf8').split('\n')
  // The text behind the last newline is a line only once it holds something.
  if (lines.at(-1) === '') lines.pop()
  return { lines: lines.slice(-count), position: size }
}

/** A line that is being written is followed whole. */
function startOfLastLine(fd: number, size: number): number {
  const from = Math.max(0, size - BLOCK_BYTES)
  const newline = readBlock(fd, from, size - from).lastIndexOf('\n')
  return newline === -1 ? size : from + newline + 1
}

function readBlock(fd: number, start: number, length: number): Buffer {
  const block = Buffer.allocUnsafe(length)
  return block.subarray(0, readSync(fd, block, 0, length, start))
}

function countNewlines(block: Buffer): number {
  let found = 0
  for (let at = block.indexOf(10); at !== -1; at = block.indexOf(10, at + 1)) found += 1
  return found
}
