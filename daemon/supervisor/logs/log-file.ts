/** One log file and its only writer: gathers what comes, writes it in few large writes, and outlives a full disk. */

import { getSystemErrorMap } from 'node:util'

import type { Monotonic } from '../../../src/contract/units.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import { countLines, createByteQueue, SLAB_BYTES, type SlabPool } from './byte-queue.ts'
import type { Destination } from './destination.ts'
import type { DropRing } from './drop-ring.ts'
import { createDroppedLines } from './dropped-lines.ts'
import { isErrno } from './open-for-append.ts'
import { planWrite } from './plan-write.ts'
import { createProgress } from './progress.ts'
import { createRest } from './rest.ts'

/** Between two writes, unless a slab is full: lines appear this much later, and a flood costs few of them. */
const GATHER_MS = 8
/** An unfinished line waits this long for its rest, so that readers and rotations meet whole lines. */
const UNFINISHED_MS = 200
/** Beyond this the streams pause until the disk has caught up… */
const HIGH_WATER_BYTES = 512 * 1024
/** …but no longer than this: then the oldest lines are dropped, since the app blocks in its writes. */
const STALL_MS = 2000
const RETRY_MS = 1000
/** A named pipe whose reader is slow. */
const FULL_PIPE_RETRY_MS = 20
const WARN_AGAIN_MS = 60_000

export interface LogLoss {
  file: string
  /** Lines lost since the last call; 0 when the trouble begins. */
  lines: number
  message: string
}

export interface LogFileOptions {
  path: string
  destination: Destination
  clock: Clock
  pool: SlabPool
  ring: DropRing
  /** Makes a line of the log, newline included, out of a remark of lbm's. */
  remark: (text: string) => Buffer
  onLoss: (loss: LogLoss) => void
  /** The file is not touched before. */
  opensAfter: Promise<void>
}

export interface LogFile {
  readonly path: string
  /** Copies the bytes. @returns false when the stream should pause until `writable()` */
  append(bytes: Buffer): boolean
  writable(): Promise<void>
  /** Takes an unfinished line back, unless its beginning is in the file already. */
  takeUnfinished(): Buffer | undefined
  /** Resolves when what was appended until now is written, or cannot be written for the time being. */
  drained(): Promise<void>
  /** Runs it between two writes. */
  exclusively(run: () => Promise<void>): Promise<void>
  truncate(): Promise<void>
  reopen(): Promise<void>
  close(): Promise<void>
}

export function createLogFile(options: LogFileOptions): LogFile {
  const { path, destination, clock, pool, ring, remark, onLoss, opensAfter } = options
  const queue = createByteQueue(pool)
  const progress = createProgress()
  const rest = createRest(clock)
  const jobs: (() => Promise<void>)[] = []

  let isPumping = false
  let isClosed = false
  let inFlightBytes = 0
  let lastWriteAt = -Infinity as Monotonic
  let waitingSince = -Infinity as Monotonic
  /** The last write failed. */
  let isFailing = false
  /** A write takes too long. */
  let isStalled = false
  let stallTimer: Disposable | undefined
  let warnedAt = -Infinity as Monotonic
  /** Of the last failure. */
  let reason = ''
  let writableWaiters: (() => void)[] = []

  const isStuck = (): boolean => isFailing || isStalled
  const dropped = createDroppedLines({
    queue,
    destination,
    remark,
    reason: () => reason,
    onTold: (lines) => onLoss({ file: path, lines, message: reason }),
  })
  const membership = ring.join({
    stuckBytes: () => (isStuck() ? queue.size() : 0),
    dropOldest: (bytes) => progress.remove(dropped.drop(bytes, inFlightBytes)),
  })

  function append(bytes: Buffer): boolean {
    if (isClosed) return true
    if (queue.size() === 0) waitingSince = clock.now()
    queue.append(bytes)
    progress.add(bytes.length)
    if (!isPumping) void pump()
    if (isStuck()) {
      ring.trim()
      return true
    }
    const restEndsAt = rest.endsAt()
    if (restEndsAt !== undefined && restEndsAt > dueAt()) rest.wake()
    if (queue.size() < HIGH_WATER_BYTES) return true
    stallTimer ??= clock.at(after(clock.now(), STALL_MS), stall)
    return false
  }

  function dueAt(): Monotonic {
    const isUrgent = progress.isWaitedFor() || queue.size() >= SLAB_BYTES || queue.size() === 0
    if (isUrgent) return -Infinity as Monotonic
    const hasLine = queue.lastLineEnd(queue.size()) > 0
    return hasLine ? after(lastWriteAt, GATHER_MS) : after(waitingSince, UNFINISHED_MS)
  }

  async function pump(): Promise<void> {
    isPumping = true
    await opensAfter
    for (;;) {
      const job = jobs.shift()
      if (job !== undefined) await job()
      else if (isClosed || isAllWritten()) break
      else if (dueAt() > clock.now()) await rest.until(dueAt())
      else await tryWrite()
    }
    isPumping = false
  }

  const isAllWritten = (): boolean => queue.size() === 0 && !dropped.isUntold()

  async function tryWrite(): Promise<void> {
    try {
      await writeSome()
      isFailing = false
      isStalled = false
      letGo()
    } catch (error) {
      await fail(error)
      const retryMs = isErrno(error, 'EAGAIN') ? FULL_PIPE_RETRY_MS : RETRY_MS
      if (jobs.length === 0) await rest.until(after(clock.now(), retryMs))
    }
  }

  async function writeSome(): Promise<void> {
    if (await destination.isReplaced()) {
      await finishLine()
      await destination.close()
    }
    await destination.open()
    if (dropped.mayTell()) return await dropped.tell()
    const plan = planWrite({
      queue,
      fileBytes: destination.bytes(),
      maxBytes: destination.maxBytes(),
      isMidLine: destination.isMidLine(),
      isDue: destination.isDue(),
      restOfLineOnly: dropped.isUntold(),
    })
    if (plan.type === 'rotate') await destination.rotate()
    else await writeQueued(plan.bytes)
    return undefined
  }

  async function writeQueued(bytes: number): Promise<void> {
    inFlightBytes = bytes
    lastWriteAt = clock.now()
    try {
      const written = await destination.write(queue.views(bytes))
      queue.consume(written)
      progress.remove(written)
      waitingSince = clock.now()
    } finally {
      inFlightBytes = 0
    }
  }

  async function writeAll(): Promise<void> {
    if (isAllWritten()) return
    await writeSome()
    await writeAll()
  }

  async function finishLine(): Promise<void> {
    const end = destination.isMidLine() ? queue.nextLineEnd(0) : -1
    if (end !== -1) await writeQueued(end)
  }

  async function fail(error: unknown): Promise<void> {
    reason = reasonOf(error)
    const isNew = !isFailing
    isFailing = true
    // What a new try cannot mend on the same descriptor needs a new one.
    if (!isErrno(error, 'ENOSPC', 'EDQUOT', 'EAGAIN'))
      await destination.close().catch(() => undefined)
    if (isNew && !isOrdinary(error) && clock.now() > warnedAt + WARN_AGAIN_MS) {
      warnedAt = clock.now()
      onLoss({ file: path, lines: 0, message: reason })
    }
    ring.trim()
    letGo()
  }

  function stall(): void {
    reason = 'the disk is too slow'
    isStalled = true
    ring.trim()
    letGo()
  }

  /** Lets go who waits for what is the case now. */
  function letGo(): void {
    if (isStuck()) progress.release()
    if (queue.size() > HIGH_WATER_BYTES / 2 && !isStuck()) return
    stallTimer?.[Symbol.dispose]()
    stallTimer = undefined
    for (const resolve of writableWaiters) resolve()
    writableWaiters = []
  }

  function exclusively(run: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      jobs.push(() => run().then(resolve, reject))
      if (isPumping) rest.wake()
      else void pump()
    })
  }

  function reopen(): Promise<void> {
    return exclusively(async () => {
      try {
        await finishLine()
        await destination.close()
        await destination.open()
      } catch (error) {
        await fail(error)
      }
    })
  }

  function drained(): Promise<void> {
    if (isStuck()) return Promise.resolve()
    const caughtUp = progress.caughtUp()
    rest.wake()
    return caughtUp
  }

  // At once: people look for the file before the first line.
  void reopen()

  return {
    path,
    append,
    writable: () =>
      new Promise((resolve) => {
        writableWaiters.push(resolve)
        letGo()
      }),
    takeUnfinished() {
      const from = queue.lastLineEnd(queue.size())
      const isBegun = from < inFlightBytes || (from === 0 && destination.isMidLine())
      if (isBegun || from === queue.size()) return undefined
      progress.remove(queue.size() - from)
      return queue.remove(from, queue.size())
    },
    drained,
    exclusively,
    truncate: () =>
      exclusively(async () => {
        const lines = queue.lastLineEnd(queue.size())
        queue.consume(lines)
        progress.remove(lines)
        await destination.truncate()
        letGo()
      }),
    reopen,
    async close() {
      await drained()
      await exclusively(async () => {
        // The trouble may be over.
        if (isStuck()) await writeAll().catch((error: unknown) => void (reason = reasonOf(error)))
        isClosed = true
        await destination.close()
      })
      membership[Symbol.dispose]()
      stallTimer?.[Symbol.dispose]()
      const lines = countLines(Buffer.concat(queue.views(queue.size()))) + dropped.untoldLines()
      if (lines > 0) onLoss({ file: path, lines, message: reason })
    },
  }
}

/** A named pipe without a reader, or with a slow one, is no reason to alarm anybody. */
function isOrdinary(error: unknown): boolean {
  return isErrno(error, 'ENXIO', 'EAGAIN', 'EPIPE')
}

const REASONS: Record<string, string> = {
  EAGAIN: 'its reader is too slow',
  ENXIO: 'nobody reads it',
}

/** `no space left on device` rather than `ENOSPC: no space left on device, write`. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code, errno } = error as NodeJS.ErrnoException
  return REASONS[code ?? ''] ?? getSystemErrorMap().get(errno ?? 0)?.[1] ?? error.message
}
