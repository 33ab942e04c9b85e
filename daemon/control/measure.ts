/** CPU and memory of processes by pidusage, which is loaded with the first sample. */

import { readPatiently } from '../kernel/read-patiently.ts'
import type { Measure } from './metrics.ts'

/** pidusage forgets a process that was not asked for that long; a sample at rest comes more often. */
const MAX_AGE_MS = 120_000

/** A process that is gone has null; so has each when none of them is there any more. */
export async function measureByPidusage(
  pids: number[],
): Promise<Record<string, Measure | null | undefined>> {
  const { default: pidusage } = await import('pidusage')
  try {
    return await pidusage(pids, { maxage: MAX_AGE_MS })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** @returns undefined where the process is gone, or the system has no `/proc` */
export function residentBytes(pid: number): number | undefined {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readPatiently(`/proc/${pid}/status`) ?? '')?.[1]
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024
}
