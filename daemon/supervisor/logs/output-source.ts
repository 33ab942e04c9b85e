/** Reads an output of an instance, in gulps: many small reads cost more than all the rest. */

import { Socket } from 'node:net'
import type { Readable } from 'node:stream'

import type { Monotonic } from '../../../src/contract/units.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import type { LogPipe } from './log-pipe.ts'

const READ_BYTES = 64 * 1024
/** Reads that follow each other, or a pause, as fast as this are a flood… */
const FLOOD_MS = 1
/** …and get a pause, in which more gathers; as long as what gathers is little, a longer one each time. */
const MIN_GULP_MS = 1
const LITTLE_BYTES = 16 * 1024
const MUCH_BYTES = 48 * 1024
/** A pipe holds what a busy program writes in the meantime; a socket pair does only for so long. */
const MAX_GULP_MS = { pipe: 4, stream: 1 }

/** One for all: what is read is copied before the next read. */
let readBuffer: Buffer | undefined

export interface OutputSource extends Disposable {
  pause(): void
  resume(): void
}

export interface SourceListener {
  /** The chunk holds until this returns. */
  onChunk: (chunk: Buffer) => void
  /** Called once, at the end or a failure of the stream. */
  onEnd: () => void
}

export function openOutputSource(
  source: Readable | LogPipe,
  clock: Clock,
  listener: SourceListener,
): OutputSource {
  let lastReadAt = -Infinity as Monotonic
  let gulp: Disposable | undefined
  let gulpMs = MIN_GULP_MS
  let isPaused = false
  let isOver = false

  const onChunk = (chunk: Buffer): void => {
    const now = clock.now()
    if (chunk.length > MUCH_BYTES) gulpMs = MIN_GULP_MS
    else if (chunk.length < LITTLE_BYTES) gulpMs = Math.min(gulpMs + 1, flow.maxGulpMs)
    const isFlood = now < lastReadAt + gulpMs + FLOOD_MS
    if (chunk.length < READ_BYTES && isFlood && gulp === undefined) {
      flow.stop()
      gulp = clock.at(after(now, gulpMs), () => {
        gulp = undefined
        if (!isPaused) flow.go()
      })
    }
    lastReadAt = now
    listener.onChunk(chunk)
  }
  const onEnd = (): void => {
    if (isOver) return
    isOver = true
    gulp?.[Symbol.dispose]()
    listener.onEnd()
  }

  const flow: Flow =
    'readFd' in source ? flowOfPipe(source.readFd, onChunk) : flowOfStream(source, onChunk)
  flow.stream.on('end', onEnd).on('error', onEnd).on('close', onEnd)

  return {
    pause() {
      isPaused = true
      flow.stop()
    },
    resume() {
      isPaused = false
      if (gulp === undefined) flow.go()
    },
    [Symbol.dispose]: () => void flow.stream.destroy(),
  }
}

interface Flow {
  stream: Readable
  maxGulpMs: number
  stop(): void
  go(): void
}

function flowOfPipe(fd: number, onChunk: (chunk: Buffer) => void): Flow {
  readBuffer ??= Buffer.allocUnsafeSlow(READ_BYTES)
  let isStopped = false
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    onChunk((buffer as Buffer).subarray(0, bytes))
    return !isStopped
  }
  // A variable, since the types do not know that the constructor takes `onread`, too.
  const options = { fd, readable: true, writable: false, onread: { buffer: readBuffer, callback } }
  const socket = new Socket(options)
  // `end` is emitted by a stream that is read.
  socket.resume()
  return {
    stream: socket,
    maxGulpMs: MAX_GULP_MS.pipe,
    stop() {
      isStopped = true
      socket.pause()
    },
    go() {
      isStopped = false
      socket.resume()
    },
  }
}

/** What a socket of Node's has inside; its own `pause()` reads on until its buffer is full. */
interface Handle {
  reading?: boolean
  readStart(): void
  readStop(): void
}

function flowOfStream(stream: Readable, onChunk: (chunk: Buffer) => void): Flow {
  stream.on('data', onChunk)
  const handleOf = (): Handle | null | undefined => (stream as { _handle?: Handle | null })._handle
  return {
    stream,
    maxGulpMs: MAX_GULP_MS.stream,
    stop() {
      const handle = handleOf()
      if (handle === undefined) stream.pause()
      else handle?.readStop()
    },
    go() {
      const handle = handleOf()
      if (handle === undefined) stream.resume()
      else handle?.readStart()
    },
  }
}
