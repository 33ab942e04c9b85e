/** `run/<id>.json`: what this supervisor owns, for whoever must clean up or adopt after it. */

import { renameSync, rmSync, writeFileSync } from 'node:fs'

import type { InstanceState } from '../../src/contract/instance.ts'

export interface Ownership {
  id: string
  pid: number
  pidStart: number
  version: string
  instances: { app: string; id: number; pid: number; pidStart: number }[]
}

export interface OwnershipFile {
  /** Writes only when a process came or went. */
  update(reports: readonly InstanceState[]): void
  remove(): void
}

/** Written by rename but not synced: after a power cut none of the processes is there any more. */
export function ownershipFile(path: string, self: Omit<Ownership, 'instances'>): OwnershipFile {
  let last = ''
  const write = (instances: Ownership['instances']): void => {
    const text = JSON.stringify({ ...self, instances })
    if (text === last) return
    const temporary = `${path}.${self.pid}`
    writeFileSync(temporary, `${text}\n`, { mode: 0o600 })
    renameSync(temporary, path)
    last = text
  }
  write([])
  return {
    update(reports) {
      write(
        reports
          .filter(({ pid }) => pid !== 0)
          .map(({ app, id, pid, pidStart }) => ({ app, id, pid, pidStart })),
      )
    },
    remove: () => rmSync(path, { force: true }),
  }
}
