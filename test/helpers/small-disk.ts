/** A small file system of its own for a test, to be filled. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { RUN_FOLDER } from './temp-home.ts'

/** @param size as mount's tmpfs takes it. @returns undefined where mounting is not allowed */
export function smallDisk(size: string): (Disposable & { path: string }) | undefined {
  const path = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'disk-'))
  try {
    const words = ['-t', 'tmpfs', '-o', `size=${size}`, 'lbm-test', path]
    execFileSync('mount', words, { stdio: 'ignore' })
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path])
      rmSync(path, { recursive: true })
    },
  }
}
