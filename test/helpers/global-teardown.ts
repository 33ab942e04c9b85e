/**
 * Homes of one run lie in a folder of its own, so that runs beside each other do not see each other's processes.
 * Whatever a test left behind fails the run. vitest only prints what is thrown here, so a finding sets `process.exitCode`.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { processesOf } from './processes.ts'
import { RUN_FOLDER } from './temp-home.ts'

export function setup(): void {
  process.env[RUN_FOLDER] = mkdtempSync(join(tmpdir(), 'lt-'))
}

export function teardown(): void {
  const folder = process.env[RUN_FOLDER]
  if (folder === undefined) return
  for (const { pid, command } of processesOf(folder)) {
    process.exitCode = 1
    process.stderr.write(`left running by a test: ${pid} ${command}\n`)
    process.kill(pid, 'SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true })
}
