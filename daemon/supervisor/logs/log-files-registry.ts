/** The writers of a supervisor's log files, one a file, however many instances write to it. */

import { resolve } from 'node:path'

import type { LogSpec } from '../../../src/contract/app.ts'
import type { Clock } from '../../kernel/clock.ts'
import { createSlabPool } from './byte-queue.ts'
import { compressRotated } from './compress-rotated.ts'
import { createDestination } from './destination.ts'
import { createDropRing, type DropRing } from './drop-ring.ts'
import { createInlets, type Inlet } from './inlets.ts'
import { createLogFile, type LogFile, type LogLoss, reasonOf } from './log-file.ts'

export interface LogFilesRegistry extends AsyncDisposable {
  use(request: LogFileRequest): LogFileUse
  /** Opens every file anew, for `reloadLogs` and SIGUSR2. @returns their names */
  reopen(): Promise<string[]>
}

export interface LogFileRequest {
  path: string
  appName: string
  spec: LogSpec
  remark: (text: string) => Buffer
  onLoss: (loss: LogLoss) => void
}

/** One user's share of a file. It is closed when the last one is disposed of. */
export interface LogFileUse extends AsyncDisposable {
  readonly file: LogFile
  openInlet(): Inlet
}

interface Entry {
  file: LogFile
  openInlet: () => Inlet
  /** The newest is the last: its definition and its listener are the ones that count. */
  users: LogFileRequest[]
  closed: Promise<void>
  compression: AbortController
  ring: DropRing
}

export function createLogFilesRegistry({ clock }: { clock: Clock }): LogFilesRegistry {
  const entries = new Map<string, Entry>()
  const rings = new Map<string, DropRing>()
  const pool = createSlabPool()
  let compressing: Promise<void> = Promise.resolve()

  const ringOf = (appName: string): DropRing => {
    const ring = rings.get(appName) ?? createDropRing()
    rings.set(appName, ring)
    return ring
  }

  const compress = ({ path, exclusively }: LogFile, spec: LogSpec, signal: AbortSignal): void => {
    if (!spec.compress) return
    // One at a time; what fails is tried again at the next rotation.
    compressing = compressing
      .then(() => compressRotated({ path, kept: spec.maxFiles - 1, exclusively, signal }))
      .catch(() => undefined)
  }

  const create = (request: LogFileRequest, opensAfter: Promise<void>): Entry => {
    const users: LogFileRequest[] = []
    const newest = (): LogFileRequest => users.at(-1) ?? request
    const compression = new AbortController()
    const { path, appName } = request
    const ring = ringOf(appName)
    const onLoss = (loss: LogLoss): void => newest().onLoss(loss)
    const destination = createDestination({
      path,
      clock,
      rotation: () => newest().spec,
      onRotated: () => compress(file, newest().spec, compression.signal),
      onRotationFailed: (error) =>
        onLoss({ file: path, lines: 0, message: `cannot be rotated: ${reasonOf(error)}` }),
    })
    const file = createLogFile({
      path,
      destination,
      clock,
      pool,
      ring,
      remark: (text) => newest().remark(text),
      onLoss,
      opensAfter,
    })
    return { file, openInlet: createInlets(file), users, closed: opensAfter, compression, ring }
  }

  return {
    use(given) {
      const request = { ...given, path: resolve(given.path) }
      const { path } = request
      const known = entries.get(path)
      const entry =
        known !== undefined && known.users.length > 0
          ? known
          : create(request, known?.closed ?? Promise.resolve())
      entries.set(path, entry)
      entry.users.push(request)
      return {
        file: entry.file,
        openInlet: entry.openInlet,
        async [Symbol.asyncDispose]() {
          entry.users.splice(entry.users.indexOf(request), 1)
          if (entry.users.length > 0) return await entry.file.drained()
          entry.compression.abort()
          entry.closed = entry.file.close()
          await entry.closed
          if (entries.get(path) === entry) entries.delete(path)
          if (entry.ring.isEmpty()) rings.delete(request.appName)
        },
      }
    },
    async reopen() {
      const files = [...entries.values()].map(({ file }) => file)
      await Promise.all(files.map((file) => file.reopen()))
      return files.map(({ path }) => path)
    },
    async [Symbol.asyncDispose]() {
      for (const { compression } of entries.values()) compression.abort()
      await Promise.all([...entries.values()].map(({ file }) => file.close()))
      await compressing
      entries.clear()
    },
  }
}
