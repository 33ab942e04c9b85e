/** How PM2's API shows processes to programs. */

import type { AppDetail } from '../../contract/api.ts'
import type { HomePaths } from '../../contract/home.ts'
import { type Pm2Process, toPm2Process } from '../pm2-process.ts'

/** What `start` gives for something new: an element of `list`, with the process as PM2's own objects have it. */
export interface StartedProcess extends Pm2Process {
  process: { pid: number }
}

/** What the actions give. */
export interface ProcessDescriptor {
  name: string
  namespace: string
  pm_id: number
  status: string
  restart_time: number
  pm2_env: {
    name: string
    namespace: string
    pm_id: number
    status: string
    restart_time: number
    env: Record<string, string>
  }
}

/** Secrets are masked, as they come from the daemon. */
export function processesOfApps(apps: readonly AppDetail[], home: HomePaths): Pm2Process[] {
  return apps
    .flatMap(({ record, instances }) =>
      instances.map((view) => toPm2Process(record, view, { home, reveal: false })),
    )
    .toSorted((a, b) => a.pm_id - b.pm_id)
}

export function startedProcess(process: Pm2Process): StartedProcess {
  return { ...process, process: { pid: process.pid } }
}

export function descriptorOf({ name, pm_id, pm2_env }: Pm2Process): ProcessDescriptor {
  const facts = {
    name,
    namespace: String(pm2_env['namespace']),
    pm_id,
    status: String(pm2_env['status']),
    restart_time: Number(pm2_env['restart_time']),
  }
  return { ...facts, pm2_env: { ...facts, env: pm2_env['env'] as Record<string, string> } }
}
