/** Follows files as they grow, are truncated, or are replaced by new ones of the same name. */

import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
  watch,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { gunzipSync } from 'node:zlib'

import { openNext } from './rotated.ts'

export interface Followed {
  path: string
  /** From a tail that was read before; 0: from the beginning, once the file is there. */
  position: number
  onLine: (line: string) => void
}

export interface Follower extends Disposable {
  add(followed: Followed): void
  /** Reads what is there now; `dispose` does not. */
  drain(): void
}

/** File systems that tell nothing of changes (NFS) are looked at this often. */
const POLL_MS = 500
const CHUNK_BYTES = 64 * 1024
/** One busy file must not keep the others waiting. */
const MAX_CHUNKS_AT_ONCE = 16
/** What a compressed file may hold; it is read as a whole. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024
const MISSING =
  '[lbm] lines may be missing here: their file was rotated away before it could be read'

interface Tracked {
  followed: Followed
  fd: number | undefined
  ino: number
  position: number
  decoder: StringDecoder
  rest: string
}

export function createFollower(): Follower {
  const tracked = new Map<string, Tracked>()
  const watchers = new Map<string, Disposable>()
  let again: NodeJS.Immediate | undefined

  const look = (file: Tracked): void => {
    if (readOn(file)) {
      again ??= setImmediate(() => {
        again = undefined
        for (const one of tracked.values()) look(one)
      })
    }
  }
  const lookAtAll = (): void => {
    for (const file of tracked.values()) look(file)
  }
  const poll = setInterval(lookAtAll, POLL_MS)

  return {
    add(followed) {
      if (tracked.has(followed.path)) return
      const file: Tracked = {
        followed,
        fd: undefined,
        ino: 0,
        position: followed.position,
        decoder: new StringDecoder('utf8'),
        rest: '',
      }
      tracked.set(followed.path, file)
      const folder = dirname(followed.path)
      if (!watchers.has(folder)) {
        watchers.set(
          folder,
          watchFolder(folder, (name) => {
            for (const one of tracked.values()) {
              if (name === undefined || basename(one.followed.path) === name) look(one)
            }
          }),
        )
      }
      look(file)
    },
    drain: lookAtAll,
    [Symbol.dispose]() {
      clearInterval(poll)
      clearImmediate(again)
      for (const watcher of watchers.values()) watcher[Symbol.dispose]()
      for (const { fd } of tracked.values()) if (fd !== undefined) closeSync(fd)
    },
  }
}

function watchFolder(folder: string, onChange: (name: string | undefined) => void): Disposable {
  try {
    const watcher = watch(folder, (_event, name) => onChange(name ?? undefined))
    // Out of watches, or the folder went away: polling goes on.
    watcher.on('error', () => watcher.close())
    return { [Symbol.dispose]: () => watcher.close() }
  } catch {
    return { [Symbol.dispose]: () => undefined }
  }
}

/** @returns true when there is more to read at once */
function readOn(file: Tracked): boolean {
  const { path } = file.followed
  const now = statSync(path, { throwIfNoEntry: false })
  if (file.fd !== undefined && now !== undefined && now.ino !== file.ino) {
    // Rotated: what was written to the old file before is read to its end first, then those between the two.
    return readChunks(file, file.fd) || goOn(file, fstatSync(file.fd))
  }
  if (file.fd === undefined) {
    if (now === undefined) return false
    try {
      file.fd = openSync(path, 'r')
    } catch {
      return false // rotated or removed just now, or not to be read: the next look tells
    }
    file.ino = fstatSync(file.fd).ino
  }
  if (fstatSync(file.fd).size < file.position) {
    file.position = 0
    file.rest = ''
    file.decoder = new StringDecoder('utf8')
  }
  return readChunks(file, file.fd)
}

/** @returns true when there is more to read at once */
function goOn(file: Tracked, last: Stats): boolean {
  const next = openNext(file.followed.path, last)
  if (next === undefined) return false
  if (file.fd !== undefined) closeSync(file.fd)
  flushRest(file)
  file.fd = next.fd
  file.ino = fstatSync(next.fd).ino
  file.position = 0
  if (next.mayMiss) file.followed.onLine(MISSING)
  if (next.isCompressed) readCompressed(file, next.fd)
  return true
}

function readCompressed(file: Tracked, fd: number): void {
  try {
    const text = gunzipSync(readFileSync(fd), { maxOutputLength: MAX_UNPACKED_BYTES })
    pushText(file, file.decoder.write(text))
  } catch {
    file.followed.onLine(MISSING) // no gzip file, or too large a one
  }
  file.position = fstatSync(fd).size
}

function readChunks(file: Tracked, fd: number): boolean {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  for (let i = 0; i < MAX_CHUNKS_AT_ONCE; i += 1) {
    const bytes = readSync(fd, chunk, 0, CHUNK_BYTES, file.position)
    if (bytes === 0) return false
    file.position += bytes
    pushText(file, file.decoder.write(chunk.subarray(0, bytes)))
  }
  return true
}

function pushText(file: Tracked, text: string): void {
  const lines = (file.rest + text).split('\n')
  file.rest = lines.pop() ?? ''
  for (const line of lines) file.followed.onLine(line)
}

function flushRest(file: Tracked): void {
  if (file.rest !== '') file.followed.onLine(file.rest)
  file.rest = ''
  file.decoder = new StringDecoder('utf8')
}
