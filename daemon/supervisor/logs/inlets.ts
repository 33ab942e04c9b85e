/** Several streams into one file: a line is never torn by another's. */

import { endsLine } from './byte-queue.ts'
import { createLineHold } from './line-hold.ts'
import type { LogFile } from './log-file.ts'

export interface Inlet {
  readonly file: LogFile
  /** @returns false when the stream should pause until `file.writable()` */
  write(chunk: Buffer): boolean
  /** The stream is over; what it left unfinished is written. */
  end(): void
}

const NEWLINE = Buffer.of(10)

/** A stream that has the file for itself passes its chunks on as they are; one that shares it, whole lines. */
export function createInlets(file: LogFile): () => Inlet {
  /** Each with the way to give it back the beginning of its line. */
  const inlets = new Map<Inlet, (part: Buffer) => void>()
  /** Whose line the last byte belongs to, when that is not a newline. The stream may be over. */
  let openLine: Inlet | undefined

  const retractOpenLine = (): void => {
    const giveBack = openLine === undefined ? undefined : inlets.get(openLine)
    const part = giveBack === undefined ? undefined : file.takeUnfinished()
    if (part === undefined) return
    giveBack?.(part)
    openLine = undefined
  }

  return () => {
    const hold = createLineHold()
    const pass = (bytes: Buffer): boolean => {
      if (openLine !== undefined && openLine !== inlet) file.append(NEWLINE)
      openLine = endsLine(bytes) ? undefined : inlet
      return file.append(bytes)
    }
    const inlet: Inlet = {
      file,
      write(chunk) {
        if (inlets.size > 1) {
          const lines = hold.push(chunk)
          return lines === undefined || pass(lines)
        }
        const held = hold.take()
        if (held !== undefined) pass(held)
        return pass(chunk)
      },
      end() {
        const held = hold.take()
        if (held !== undefined) pass(held)
        inlets.delete(inlet)
      },
    }
    if (inlets.size === 1) retractOpenLine()
    inlets.set(inlet, (part) => void hold.push(part))
    return inlet
  }
}
