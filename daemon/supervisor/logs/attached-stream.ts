/** One output of one instance on its way into the logs. */

import type { Readable } from 'node:stream'

import { after, type Clock } from '../../kernel/clock.ts'
import type { Inlet } from './inlets.ts'
import type { LineFormat } from './line-format.ts'
import { createLineHold } from './line-hold.ts'
import type { LogPipe } from './log-pipe.ts'
import { openOutputSource, type OutputSource } from './output-source.ts'
import { createTailRing } from './tail-ring.ts'

/** Where the lines of a stream go. */
export interface StreamTarget {
  inlets: Inlet[]
  /** undefined: lines are written as they are. */
  format: Promise<LineFormat> | undefined
  /** The stream is at its end, or goes elsewhere. */
  onLeft: () => void
}

export interface AttachedStream extends Disposable {
  /** Resolves when all that was read is written, at the end of the stream or when the grace after the exit is over. */
  readonly ended: Promise<void>
  /** The newest lines, oldest first, without newlines. Works after the end, too. */
  lastLines(count: number): string[]
  /**
   * The instance is gone. Reading goes on to the end of the stream; `ended` waits no longer than `graceMs` for
   * it, since a grandchild may keep the pipe open. Its lines are still taken then: without a reader it would die.
   */
  exited(graceMs: number): void
  /** From now on it goes there; a line that has begun goes with it. @returns false when it is at its end */
  moveTo(target: StreamTarget): boolean
}

export interface AttachOptions {
  source: Readable | LogPipe
  target: StreamTarget
  clock: Clock
  /** Passed on in whole lines whatever the format is, so that none is torn when it moves. */
  isMovable?: boolean
}

export function attachStream(options: AttachOptions): AttachedStream {
  const { source, clock, isMovable = false } = options
  const { format } = options.target
  const tail = createTailRing()
  const hold = createLineHold()
  let { inlets, onLeft } = options.target
  let formatLines: LineFormat = asTheyAre
  let isFramed = isMovable || format !== undefined
  let resolveEnded = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    resolveEnded = resolve
  })
  let reader: OutputSource | undefined
  let grace: Disposable | undefined
  let isOver = false

  const deliver = (bytes: Buffer): void => {
    let full: Inlet[] | undefined
    for (const inlet of inlets) {
      if (!inlet.write(bytes)) (full ??= []).push(inlet)
    }
    if (full === undefined) return
    reader?.pause()
    void Promise.all(full.map(({ file }) => file.writable())).then(() => reader?.resume())
  }

  const settle = async (): Promise<void> => {
    await Promise.all(inlets.map(({ file }) => file.drained()))
    resolveEnded()
  }

  const finish = (): void => {
    if (isOver) return
    isOver = true
    grace?.[Symbol.dispose]()
    const last = hold.take()
    if (last !== undefined) deliver(formatLines(Buffer.concat([last, NEWLINE])))
    for (const inlet of inlets) inlet.end()
    onLeft()
    void settle()
  }

  const changeTo = (next: Inlet[], loaded: LineFormat | undefined): void => {
    if (isOver) {
      for (const inlet of next) inlet.end()
      return
    }
    for (const inlet of inlets) inlet.end()
    inlets = next
    formatLines = loaded ?? asTheyAre
    isFramed = loaded !== undefined
    const begun = isFramed ? undefined : hold.take()
    if (begun !== undefined) deliver(begun)
  }

  const read = (): void => {
    reader = openOutputSource(source, clock, {
      onChunk,
      onEnd: finish,
    })
    if (isOver) reader[Symbol.dispose]()
  }
  const onChunk = (chunk: Buffer): void => {
    tail.push(chunk)
    const lines = isFramed ? hold.push(chunk) : chunk
    if (lines !== undefined) deliver(formatLines(lines))
  }

  // A pipe holds what comes before the format is loaded.
  if (format === undefined) read()
  else {
    void format.then((loaded) => {
      formatLines = loaded
      read()
    })
  }

  return {
    ended,
    lastLines: (count) => tail.lastLines(count),
    exited(graceMs) {
      if (!isOver) grace = clock.at(after(clock.now(), graceMs), () => void settle())
    },
    moveTo(target) {
      if (isOver) return false
      onLeft()
      ;({ onLeft } = target)
      if (target.format === undefined) {
        changeTo(target.inlets, undefined)
        return true
      }
      // What comes before the format is loaded waits in the pipe.
      reader?.pause()
      void target.format.then((loaded) => {
        changeTo(target.inlets, loaded)
        reader?.resume()
      })
      return true
    },
    [Symbol.dispose]() {
      reader?.[Symbol.dispose]()
      finish()
    },
  }
}

const NEWLINE = Buffer.of(10)

const asTheyAre: LineFormat = (lines) => lines
