import { expect, it } from 'vitest'

import { isSameProcess, pidStart, procStat } from '../../../daemon/kernel/process-identity.ts'

const LOOKS = 200

it('knows its own process, and no other by its start', () => {
  const start = pidStart(process.pid)
  expect(start).toBeGreaterThan(0)
  expect(isSameProcess(process.pid, start)).toBe(true)
  expect(isSameProcess(process.pid, start + 1)).toBe(false)
  expect(isSameProcess(process.ppid, start)).toBe(false)
})

it('a pid that nobody has started never', () => {
  expect(pidStart(0)).toBe(0)
  expect(pidStart(2 ** 30)).toBe(0)
})

it.runIf(process.platform === 'linux')('a look at the process table leaves no buffers', () => {
  procStat(process.pid)
  const before = process.memoryUsage().arrayBuffers
  for (let look = 0; look < LOOKS; look += 1) procStat(process.pid)
  // It was 64 KiB for each: 13 MB.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
})
