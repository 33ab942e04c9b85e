/** The desired state: in memory at once, on the disk before anybody is told. One writer. */

import { existsSync, readFileSync, renameSync } from 'node:fs'

import type { AppRecord } from '../../src/contract/app.ts'
import { isLbmError, LbmError } from '../../src/contract/errors.ts'
import { writeFileAtomic } from '../kernel/atomic-file.ts'
import {
  type DesiredState,
  formatRecord,
  formatState,
  idsOf,
  type LastingVariables,
  type ParsedState,
  parseState,
} from './state-format.ts'

export interface Store {
  apps(): readonly AppRecord[]
  find(key: string): AppRecord | undefined
  /** Adds the app or takes its new record. */
  put(record: AppRecord): void
  /** What the file says of the app until its next change: it is being ended, and must not come back. */
  plan(key: string, future: AppRecord | undefined): void
  remove(key: string): void
  clear(): void
  allocateId(): number
  /**
   * Resolves when all changes so far are on the disk; changes that come meanwhile share the next write.
   * @throws LbmError OPERATION_FAILED; the change stays in memory and goes with the next write
   */
  saved(): Promise<void>
  /** False when an earlier version of the file had to be used, or none. */
  isTrusted: boolean
  /** For the user. */
  warnings: string[]
}

/** @throws LbmError STATE_UNREADABLE when a newer lbm wrote it, or when it may not be read */
export function openStore(path: string, lasting: LastingVariables = {}): Store {
  const { state, isTrusted, warnings } = loadState(path)
  const apps = new Map(state.apps.map((record) => [record.key, record]))
  const planned = new Map<string, AppRecord | undefined>()
  let nextId = Math.max(state.nextId, ...state.apps.flatMap(idsOf).map((id) => id + 1))
  // What had to be put together from an earlier file is to be a file again.
  let changes = isTrusted ? 0 : 1
  let written = 0
  let writing: Promise<void> | undefined
  // Records are never changed in place, so a record's text can be kept: 500 apps are 5 MB of environments.
  const texts = new WeakMap<AppRecord, string>()

  function textOf(record: AppRecord): string {
    const known = texts.get(record)
    if (known !== undefined) return known
    const text = formatRecord(record, lasting)
    texts.set(record, text)
    return text
  }

  async function write(): Promise<void> {
    const upTo = changes
    const records = [...apps.values()]
      .map((record) => (planned.has(record.key) ? planned.get(record.key) : record))
      .filter((record) => record !== undefined)
    const text = formatState(nextId, records.map(textOf))
    try {
      await writeFileAtomic(path, text, { backup: `${path}.bak` })
    } catch (error) {
      throw new LbmError(
        'OPERATION_FAILED',
        `It is done, but it could not be saved to ${path}: ${(error as Error).message}`,
        { cause: error, hint: 'make room or mend the folder; it is saved with the next change' },
      )
    }
    written = upTo
  }

  const change = (): void => {
    changes += 1
  }

  return {
    apps: () => [...apps.values()],
    find: (key) => apps.get(key),
    put(record) {
      const isPlanned = planned.delete(record.key)
      if (apps.get(record.key) === record && !isPlanned) return
      apps.set(record.key, record)
      change()
    },
    plan(key, future) {
      planned.set(key, future)
      change()
    },
    remove(key) {
      planned.delete(key)
      if (!apps.delete(key)) return
      if (apps.size === 0) nextId = 0
      change()
    },
    clear() {
      apps.clear()
      nextId = 0
      change()
    },
    allocateId() {
      nextId += 1
      return nextId - 1
    },
    async saved() {
      const target = changes
      while (written < target) {
        writing ??= write().finally(() => {
          writing = undefined
        })
        await writing
      }
    },
    isTrusted,
    warnings,
  }
}

interface Loaded {
  state: DesiredState
  isTrusted: boolean
  warnings: string[]
}

const NOTHING: DesiredState = { nextId: 0, apps: [] }

function loadState(path: string): Loaded {
  const backup = `${path}.bak`
  const warnings: string[] = []
  for (const file of [path, backup]) {
    const read = readState(file)
    if (read === 'missing') continue
    if ('state' in read && read.problems.length === 0) {
      if (file === backup)
        warnings.push(`The state before the last change is used, from ${backup}.`)
      return { state: read.state, isTrusted: file === path, warnings }
    }
    const aside = freeName(`${path}.corrupt-`)
    renameSync(file, aside)
    warnings.push(
      `${file} cannot be used and was set aside as ${aside}: ${read.problems.join('; ')}.`,
    )
    // What holds of the file is newer than the backup.
    if ('state' in read) return { state: read.state, isTrusted: false, warnings }
  }
  if (warnings.length > 0) {
    warnings.push(
      'No saved state could be used. What still runs was taken over; the rest must be started again.',
    )
  }
  return { state: NOTHING, isTrusted: warnings.length === 0, warnings }
}

type ReadFile = ParsedState | 'missing'

function readState(path: string): ReadFile {
  try {
    return parseState(path, readFileSync(path, 'utf8'))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (isLbmError(error)) throw error
    if (code === 'ENOENT') return 'missing'
    throw new LbmError('STATE_UNREADABLE', `Cannot read the saved state: ${message}`, {
      cause: error,
    })
  }
}

function freeName(prefix: string): string {
  let n = 1
  while (existsSync(`${prefix}${n}`)) n += 1
  return `${prefix}${n}`
}
