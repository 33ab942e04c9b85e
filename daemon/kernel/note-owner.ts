/** The first words of `run/<id>.json`, before its supervisor writes more: who has the name. */

import { writeFileSync } from 'node:fs'

import { pidStart } from './process-identity.ts'

/** @returns false when the file is there already, or cannot be written */
export function noteOwner(path: string, pid: number): boolean {
  const owner = { pid, pidStart: pidStart(pid), instances: [] }
  try {
    writeFileSync(path, `${JSON.stringify(owner)}\n`, { flag: 'wx', mode: 0o600 })
    return true
  } catch {
    return false
  }
}
