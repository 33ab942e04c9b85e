/** `run/<id>.json`: what this supervisor owns, for whoever must clean up or adopt after it. */

import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

import type { InstanceState } from '../../src/contract/instance.ts'
import { after, type Clock } from '../kernel/clock.ts'
import { noteOwner } from '../kernel/note-owner.ts'

/** The counters are for the one that comes after a loss of all processes at once. */
export type OwnedInstance = Pick<
  InstanceState,
  'app' | 'id' | 'pid' | 'pidStart' | 'restarts' | 'unstableRestarts'
>

export interface Ownership {
  id: string
  pid: number
  pidStart: number
  version: string
  instances: OwnedInstance[]
}

/** Disposing it leaves the file, to a successor. */
export interface OwnershipFile extends Disposable {
  /** Writes only when a process came or went. */
  update(owned: readonly OwnedInstance[]): void
  remove(): void
}

export interface OwnershipFileOptions extends Omit<Ownership, 'instances'> {
  clock: Clock
  onFailed: (message: string) => void
}

const RETRY_MS = 1000
/** A process that is gone is no hurry: whoever reads the file looks whether it is there. */
const GONE_MS = 50

/** @returns false when another process has the name, or it cannot be had */
export function claimName(path: string): boolean {
  return noteOwner(path, process.pid) || isNoted(path, process.pid)
}

/** The daemon may have noted this very process. */
function isNoted(path: string, pid: number): boolean {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as Pick<Ownership, 'pid'>).pid === pid
  } catch {
    return false
  }
}

/**
 * Written by rename but not synced: after a power cut none of the processes is there any more.
 * A write that fails is tried again: no app ends since the disk is full.
 */
export function ownershipFile(
  path: string,
  { clock, onFailed, ...self }: OwnershipFileOptions,
): OwnershipFile {
  let written = ''
  let wanted = ''
  let pids: readonly number[] = []
  let recorded = new Set<number>()
  let later: { timer: Disposable; hasFailed: boolean } | undefined

  function write(): void {
    later?.timer[Symbol.dispose]()
    later = undefined
    if (wanted === written) return
    const temporary = `${path}.${self.pid}`
    try {
      writeFileSync(temporary, `${wanted}\n`, { mode: 0o600 })
      renameSync(temporary, path)
      written = wanted
      recorded = new Set(pids)
    } catch (error) {
      onFailed((error as Error).message)
      writeIn(RETRY_MS, true)
    }
  }

  function writeIn(ms: number, hasFailed: boolean): void {
    later ??= { timer: clock.at(after(clock.now(), ms), write), hasFailed }
  }

  function put(instances: Ownership['instances']): void {
    wanted = JSON.stringify({ ...self, instances })
    pids = instances.map(({ pid }) => pid)
    if (wanted === written || later?.hasFailed === true) return
    if (pids.length === 0 || pids.some((pid) => !recorded.has(pid))) write()
    else writeIn(GONE_MS, false)
  }

  put([])
  return {
    update(owned) {
      put(
        owned
          .filter(({ pid }) => pid !== 0)
          .map(({ app, id, pid, pidStart, restarts, unstableRestarts }) => ({
            app,
            id,
            pid,
            pidStart,
            restarts,
            unstableRestarts,
          })),
      )
    },
    remove() {
      later?.timer[Symbol.dispose]()
      rmSync(path, { force: true })
    },
    [Symbol.dispose]: () => later?.timer[Symbol.dispose](),
  }
}
