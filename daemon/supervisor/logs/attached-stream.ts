/** One output of one instance on its way into the logs. */

import type { Readable } from 'node:stream'

import { after, type Clock } from '../../kernel/clock.ts'
import type { Inlet } from './inlets.ts'
import type { LineFormat } from './line-format.ts'
import { createLineHold } from './line-hold.ts'
import type { LogPipe } from './log-pipe.ts'
import { openOutputSource, type OutputSource } from './output-source.ts'
import { createTailRing } from './tail-ring.ts'

export interface AttachedStream {
  /** Resolves when all that was read is written, at the end of the stream or when the grace after the exit is over. */
  readonly ended: Promise<void>
  /** The newest lines, oldest first, without newlines. Works after the end, too. */
  lastLines(count: number): string[]
  /**
   * The instance is gone. Reading goes on to the end of the stream; `ended` waits no longer than `graceMs` for
   * it, since a grandchild may keep the pipe open. Its lines are still taken then: without a reader it would die.
   */
  exited(graceMs: number): void
}

export interface AttachOptions {
  source: Readable | LogPipe
  inlets: Inlet[]
  /** undefined: lines are written as they are. */
  format: Promise<LineFormat> | undefined
  clock: Clock
  /** The stream is at its end. */
  onEnd: () => void
}

export function attachStream(options: AttachOptions): AttachedStream & Disposable {
  const { source, inlets, format, clock, onEnd } = options
  const tail = createTailRing()
  const hold = createLineHold()
  let formatLines: LineFormat = (lines) => lines
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
    onEnd()
    void settle()
  }

  const read = (): void => {
    reader = openOutputSource(source, clock, {
      onChunk: format === undefined ? onChunk : onFramedChunk,
      onEnd: finish,
    })
    if (isOver) reader[Symbol.dispose]()
  }
  const onChunk = (chunk: Buffer): void => {
    tail.push(chunk)
    deliver(chunk)
  }
  const onFramedChunk = (chunk: Buffer): void => {
    tail.push(chunk)
    const lines = hold.push(chunk)
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
    [Symbol.dispose]() {
      reader?.[Symbol.dispose]()
      finish()
    },
  }
}

const NEWLINE = Buffer.of(10)
