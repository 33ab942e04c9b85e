/** Prints what comes in one go in one write: a system call a line is more than a flood leaves time for. */

import type { Io } from '../io.ts'

const MAX_CHARS = 64 * 1024

export function gathered(io: Io): Io {
  return { ...io, out: inOneGo(io.out), err: inOneGo(io.err) }
}

/** @param print adds a newline */
function inOneGo(print: (text: string) => void): (line: string) => void {
  let lines: string[] = []
  let chars = 0
  const flush = (): void => {
    if (lines.length === 0) return
    print(lines.join('\n'))
    lines = []
    chars = 0
  }
  return (line) => {
    if (lines.push(line) === 1) setImmediate(flush)
    chars += line.length
    if (chars >= MAX_CHARS) flush()
  }
}
