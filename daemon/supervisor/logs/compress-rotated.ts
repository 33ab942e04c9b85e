/** Compresses rotated files in a child of low priority: neither the supervisor's thread nor the apps' time is used. */

import { spawn } from 'node:child_process'
import type { Stats } from 'node:fs'
import { type FileHandle, open, rename, unlink } from 'node:fs/promises'
import { constants, setPriority } from 'node:os'

import { isErrno, statByName } from './open-for-append.ts'

/** Where there is no `gzip`, Node does it. */
const NODE_GZIP = "process.stdin.pipe(require('node:zlib').createGzip()).pipe(process.stdout)"

export interface Compression {
  path: string
  /** How many rotated files there may be. */
  kept: number
  /** Runs it while the file is not being rotated. */
  exclusively: (run: () => Promise<void>) => Promise<void>
  signal: AbortSignal
}

/**
 * Compresses what is not yet compressed from number 2 on. The newest one waits for the next rotation, as by
 * logrotate's `delaycompress`: somebody may still be reading it.
 */
export async function compressRotated({
  path,
  kept,
  exclusively,
  signal,
}: Compression): Promise<void> {
  for (let number = 2; number <= kept && !signal.aborted; number += 1) {
    await using source = await openIfThere(`${path}.${number}`)
    if (source === undefined) continue
    const stats = await source.stat()
    const made = `${path}.gz.tmp`
    try {
      await compressTo(made, source, stats, signal)
    } catch (error) {
      await unlink(made)
      throw error
    }
    await exclusively(async () => {
      const name = await nameNow(path, kept, stats)
      if (name === undefined) return await unlink(made)
      await rename(made, `${name}.gz`)
      return await unlink(name)
    })
  }
}

async function compressTo(
  made: string,
  source: FileHandle,
  { mode, atime, mtime }: Stats,
  signal: AbortSignal,
): Promise<void> {
  await using target = await open(made, 'w', mode & 0o777)
  try {
    await runAsFilter('gzip', ['-c'], source, target, signal)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    await runAsFilter(process.execPath, ['-e', NODE_GZIP], source, target, signal)
  }
  // When its last line was written, as gzip itself has it: who follows the files knows it again by that.
  await target.utimes(atime, mtime)
}

function runAsFilter(
  program: string,
  args: string[],
  source: FileHandle,
  target: FileHandle,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: [source.fd, target.fd, 'ignore'], signal, env: {} })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} ended with ${code}`))
    })
    if (child.pid !== undefined) lowerPriority(child.pid)
  })
}

function lowerPriority(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW)
  } catch {
    // over already
  }
}

/** It may have been rotated further while it was compressed. */
async function nameNow(
  path: string,
  kept: number,
  { ino, dev }: Stats,
): Promise<string | undefined> {
  for (let number = 1; number <= kept; number += 1) {
    const name = `${path}.${number}`
    const stats = await statByName(name)
    if (stats?.ino === ino && stats.dev === dev) return name
  }
  return undefined
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}
