/** CPU and memory of processes by pidusage, which is loaded with the first sample. */

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
