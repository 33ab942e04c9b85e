/** Which file comes after one that was rotated away, by lbm's names: `app.log.1`, `app.log.2.gz`. */

import { closeSync, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'

export interface NextFile {
  fd: number
  isCompressed: boolean
  /** The one that was read is gone, and perhaps others that came after it. */
  mayMiss: boolean
}

interface Rotated {
  number: number
  name: string
  isCompressed: boolean
  stats: Stats
}

/** Each time a rotation came between two looks. */
const MAX_TRIES = 5
/** Compression keeps the time of the last line, to the microsecond or so. */
const SAME_TIME_MS = 1
/** At the end of a gzip file stands the size of what is in it. */
const TRAILER_BYTES = 4

/**
 * @param last what was read to its end, as it is now: plain or compressed @param path the name of the current file
 * @returns undefined when a rotation is under way: look again
 */
export function openNext(path: string, last: Stats): NextFile | undefined {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const own = findSame(path, last)
    if (own === undefined) return openAfterLost(path, last)
    const next =
      own.number === 1 ? { name: path, isCompressed: false } : rotatedAt(path, own.number - 1)
    const fd = next === undefined ? undefined : openIfThere(next.name)
    if (next === undefined || fd === undefined) continue
    // Where it has another number by now, so has what was just opened.
    if (findSame(path, last)?.number === own.number)
      return { fd, isCompressed: next.isCompressed, mayMiss: false }
    closeSync(fd)
  }
  return undefined
}

function findSame(path: string, last: Stats): Rotated | undefined {
  for (const found of rotatedFiles(path)) if (isSame(found, last)) return found
  return undefined
}

/** The newest first. */
function* rotatedFiles(path: string): Generator<Rotated> {
  for (let number = 1; ; number += 1) {
    // A number is missing while the files are being shifted.
    const found = rotatedAt(path, number) ?? rotatedAt(path, number + 1)
    if (found === undefined) return
    yield found
    number = found.number
  }
}

function isSame({ name, isCompressed, stats }: Rotated, last: Stats): boolean {
  if (stats.ino === last.ino && stats.dev === last.dev) return true
  return isCompressed && isAsOld(stats, last) && sizeInside(name) === last.size % 2 ** 32
}

const isAsOld = (a: Stats, b: Stats): boolean => Math.abs(a.mtimeMs - b.mtimeMs) < SAME_TIME_MS

/** Renamed by others, under names that lbm does not have: the current one is next. Removed: the oldest after it. */
function openAfterLost(path: string, last: Stats): NextFile | undefined {
  let oldest: Rotated | undefined
  if (last.nlink === 0) {
    for (const found of rotatedFiles(path)) {
      if (found.stats.mtimeMs < last.mtimeMs) break
      oldest = found
    }
  }
  const fd = openIfThere(oldest?.name ?? path)
  if (fd === undefined) return undefined
  return { fd, isCompressed: oldest?.isCompressed ?? false, mayMiss: oldest !== undefined }
}

function rotatedAt(path: string, number: number): Rotated | undefined {
  for (const suffix of ['', '.gz']) {
    const name = `${path}.${number}${suffix}`
    const stats = statSync(name, { throwIfNoEntry: false })
    if (stats?.isFile()) return { number, name, isCompressed: suffix !== '', stats }
  }
  return undefined
}

function sizeInside(name: string): number | undefined {
  const fd = openIfThere(name)
  if (fd === undefined) return undefined
  try {
    const { size } = fstatSync(fd)
    const trailer = Buffer.alloc(TRAILER_BYTES)
    readSync(fd, trailer, 0, TRAILER_BYTES, Math.max(0, size - TRAILER_BYTES))
    return trailer.readUInt32LE()
  } finally {
    closeSync(fd)
  }
}

function openIfThere(name: string): number | undefined {
  try {
    return openSync(name, 'r')
  } catch {
    return undefined // renamed just now, or not to be read
  }
}
