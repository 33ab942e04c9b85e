/**
 * Runs once after all files of a project: whatever a test left behind fails the run.
 * vitest only prints what is thrown here, so a finding sets `process.exitCode`.
 */

import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { processesOf } from './processes.ts'

export function teardown(): void {
  const left = processesOf(join(tmpdir(), 'lbm-'))
  if (left.length === 0) return
  process.exitCode = 1
  for (const { pid, command } of left) {
    process.stderr.write(`left running by a test: ${pid} ${command}\n`)
    process.kill(pid, 'SIGKILL')
  }
}
