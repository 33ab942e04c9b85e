/** The file behind a log: knows its size without asking, rotates it, and notices when somebody else did. */

import { truncate } from 'node:fs/promises'

import type { LogSpec } from '../../../src/contract/app.ts'
import type { EpochMs, Monotonic } from '../../../src/contract/units.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import { isErrno, openForAppend, type OpenLog, statByName } from './open-for-append.ts'
import { inherit, shiftFiles } from './rotate-files.ts'

/** How often the name is looked up: so long may lines still go to a file that was renamed by others. */
const CHECK_MS = 5000
/** A rotation that failed is tried again after this; until then the file grows beyond its limit. */
const ROTATION_RETRY_MS = 60_000
const NEWLINE = 10

export type Rotation = Pick<LogSpec, 'maxSizeBytes' | 'maxFiles' | 'rotateIntervalMs'>

export interface Destination {
  /** Opens it when it is not open. */
  open(): Promise<void>
  /** @returns how many of the bytes were taken */
  write(bytes: Buffer[]): Promise<number>
  /** Another file has this name now, or none has. Looked up at most every `CHECK_MS`. */
  isReplaced(): Promise<boolean>
  rotate(): Promise<void>
  truncate(): Promise<void>
  close(): Promise<void>
  bytes(): number
  /** Infinity for what is not rotated. */
  maxBytes(): number
  /** The interval of rotation is over. */
  isDue(): boolean
  /** The last byte is not a newline. */
  isMidLine(): boolean
}

export interface DestinationOptions {
  path: string
  rotation: () => Rotation
  clock: Clock
  onRotated: () => void
  onRotationFailed: (error: unknown) => void
}

export function createDestination(options: DestinationOptions): Destination {
  const { path, rotation, clock, onRotated, onRotationFailed } = options
  let current: OpenLog | undefined
  let last: { ino: number; dev: number } | undefined
  let bytes = 0
  let isMidLine = false
  let checkedAt = -Infinity as Monotonic
  let rotateAt = Infinity
  let rotationRetryAt = -Infinity as Monotonic

  const open = async (): Promise<void> => {
    if (current !== undefined) return
    const opened = await openForAppend(path)
    current = opened
    const { ino, dev, size, mtimeMs } = opened.stats
    const isSame = last?.ino === ino && last.dev === dev
    last = { ino, dev }
    bytes = opened.kind === 'file' ? size : 0
    checkedAt = clock.now()
    rotateAt = nextRotation(size > 0 ? (mtimeMs as EpochMs) : clock.wall())
    const continues = isSame && isMidLine
    isMidLine = opened.isMidLine
    // Whoever wrote here before ended in the middle of a line.
    if (isMidLine && !continues) await endForeignLine()
  }

  const endForeignLine = async (): Promise<void> => {
    try {
      await write([Buffer.of(NEWLINE)])
    } catch (error) {
      // The next try begins from here.
      last = undefined
      await close()
      throw error
    }
  }

  const write = async (parts: Buffer[]): Promise<number> => {
    if (current === undefined) throw new Error('written before it was opened')
    const [only] = parts
    const { bytesWritten } =
      parts.length === 1 && only !== undefined
        ? await current.handle.write(only)
        : await current.handle.writev(parts)
    bytes += bytesWritten
    if (bytesWritten > 0) isMidLine = byteAt(parts, bytesWritten - 1) !== NEWLINE
    return bytesWritten
  }

  const close = async (): Promise<void> => {
    const closing = current
    current = undefined
    await closing?.handle.close()
  }

  const nextRotation = (from: EpochMs): number => {
    const { rotateIntervalMs } = rotation()
    return rotateIntervalMs === undefined ? Infinity : nextBoundary(from, rotateIntervalMs)
  }

  const rotate = async (): Promise<void> => {
    if (current === undefined) return
    const stats = await current.handle.stat()
    const isShorter = stats.size < bytes
    bytes = stats.size
    // Somebody emptied it (logrotate's copytruncate): the count was wrong, there is nothing to rotate yet.
    if (isShorter && !isDue()) return
    const kept = rotation().maxFiles - 1
    if (kept < 1) return await truncateFile()
    try {
      await shiftFiles(path, kept)
    } catch (error) {
      rotationRetryAt = after(clock.now(), ROTATION_RETRY_MS)
      return onRotationFailed(error)
    }
    await close()
    await open()
    await inherit(current.handle, stats)
    onRotated()
  }

  const truncateFile = async (): Promise<void> => {
    if ((current?.kind ?? 'file') !== 'file') return
    try {
      await (current === undefined ? truncate(path) : current.handle.truncate())
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error
    }
    bytes = 0
    isMidLine = false
    rotateAt = nextRotation(clock.wall())
  }

  const isDue = (): boolean => {
    if (clock.wall() < rotateAt || current?.kind !== 'file' || clock.now() < rotationRetryAt)
      return false
    if (bytes > 0) return true
    rotateAt = nextRotation(clock.wall())
    return false
  }

  return {
    open,
    write,
    rotate,
    truncate: truncateFile,
    close,
    async isReplaced() {
      const now = clock.now()
      if (current?.kind !== 'file' || now < checkedAt + CHECK_MS) return false
      checkedAt = now
      const stats = await statByName(path)
      if (stats?.ino !== current.stats.ino || stats.dev !== current.stats.dev) return true
      bytes = stats.size
      return false
    },
    bytes: () => bytes,
    maxBytes() {
      const { maxSizeBytes } = rotation()
      const isLimited =
        current?.kind === 'file' && maxSizeBytes > 0 && clock.now() >= rotationRetryAt
      return isLimited ? maxSizeBytes : Infinity
    },
    isDue,
    isMidLine: () => isMidLine,
  }
}

function byteAt(parts: Buffer[], index: number): number | undefined {
  let rest = index
  for (const part of parts) {
    if (rest < part.length) return part[rest]
    rest -= part.length
  }
  return undefined
}

/** Intervals are counted from midnight, local time: `1d` rotates with the date. */
function nextBoundary(from: EpochMs, intervalMs: number): number {
  const offsetMs = new Date(from).getTimezoneOffset() * 60_000
  return (Math.floor((from - offsetMs) / intervalMs) + 1) * intervalMs + offsetMs
}
