/** What runs on behalf of a home: lbm's own processes and the apps', by the LBM_HOME in their environment. */

import { readdirSync, readFileSync } from 'node:fs'

import { until } from './until.ts'

export interface HomeProcess {
  pid: number
  command: string
}

/** @param root a home, or the beginning of its path */
export function processesOf(root: string): HomeProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const environment = read(`/proc/${name}/environ`)
      if (!environment.split('\0').some((entry) => entry.startsWith(`LBM_HOME=${root}`))) return []
      return [
        { pid: Number(name), command: read(`/proc/${name}/cmdline`).split('\0').join(' ').trim() },
      ]
    })
}

/** Sends SIGKILL. @returns when they were gone: a busy machine takes its time to end them */
export async function endAll(pids: readonly number[]): Promise<number> {
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until(() => pids.every((pid) => !hasMemory(pid)) || undefined)
  return performance.now()
}

/** What nobody has waited for yet has a number, and nothing else. */
function hasMemory(pid: number): boolean {
  return read(`/proc/${pid}/environ`) !== ''
}

/** A process may end while one looks. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
