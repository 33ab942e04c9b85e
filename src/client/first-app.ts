/** The first app of a home, as its daemon will record it. */

import { readFileSync } from 'node:fs'

import type { AppRecord, AppSpec } from '../contract/app.ts'
import type { HomePaths } from '../contract/home.ts'
import { newRecord } from '../contract/new-record.ts'

export function firstRecord(spec: AppSpec): AppRecord {
  let id = 0
  return newRecord(spec.name, spec, () => id++, Date.now())
}

/** True for an app about which the daemon has nothing to check, in a home without any other. */
export function mayBegin(spec: AppSpec, home: HomePaths): boolean {
  const { autostart, job, cronRestart, slots, proxy, dependsOn } = spec
  const isPlain = [job, cronRestart, slots, proxy].every((value) => value === undefined)
  return autostart && isPlain && Object.keys(dependsOn).length === 0 && hasNoApps(home.state)
}

function hasNoApps(file: string): boolean {
  try {
    const { apps } = JSON.parse(readFileSync(file, 'utf8')) as { apps?: unknown }
    return Array.isArray(apps) && apps.length === 0
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}
