/** Opens what a log is written to: a file, a named pipe or a device. */

import { constants, type Stats } from 'node:fs'
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

import { inheritedDescriptor, inheritedOutput } from './inherited-output.ts'
import type { LogHandle } from './log-handle.ts'

/** Logs may hold what only their owner should read; a log shipper gets in by group. */
const LOG_MODE = 0o640
const NEWLINE = 10

export interface OpenLog {
  handle: LogHandle
  /** Only a regular file is rotated, emptied or watched for its replacement. */
  kind: 'file' | 'pipe' | 'device'
  stats: Stats
  isMidLine: boolean
}

/**
 * A named pipe is opened without waiting for its reader.
 * @throws the system's error; ENXIO for a named pipe that nobody reads
 */
export async function openForAppend(path: string): Promise<OpenLog> {
  const inherited = inheritedDescriptor(path)
  if (inherited !== undefined) {
    const handle = inheritedOutput(inherited)
    return { handle, kind: 'device', stats: await handle.stat(), isMidLine: false }
  }
  const handle = await openOrCreate(path)
  try {
    const stats = await handle.stat()
    const kind = stats.isFile() ? 'file' : stats.isFIFO() ? 'pipe' : 'device'
    return {
      handle,
      kind,
      stats,
      isMidLine: kind === 'file' && stats.size > 0 && (await endsMidLine(path, stats)),
    }
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openOrCreate(path: string): Promise<FileHandle> {
  const flags =
    constants.O_WRONLY |
    constants.O_APPEND |
    constants.O_CREAT |
    constants.O_NONBLOCK |
    constants.O_NOCTTY
  try {
    return await open(path, flags, LOG_MODE)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    await mkdir(dirname(path), { recursive: true })
    return await open(path, flags, LOG_MODE)
  }
}

async function endsMidLine(path: string, { size }: Stats): Promise<boolean> {
  let reader: FileHandle | undefined
  try {
    reader = await open(path, 'r')
    const { buffer, bytesRead } = await reader.read(Buffer.alloc(1), 0, 1, size - 1)
    return bytesRead === 1 && buffer[0] !== NEWLINE
  } catch {
    return false // it may be written but not read: then its end stays unknown
  } finally {
    await reader?.close()
  }
}

/** The file that has this name now; undefined when there is none. */
export async function statByName(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
