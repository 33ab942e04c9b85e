/** Where the output of one instance goes: its files, whatever format they have. */

import { basename } from 'node:path'
import type { Readable } from 'node:stream'

import type { LogSpec } from '../../../src/contract/app.ts'
import type { LogFiles } from '../../../src/contract/log-files.ts'
import type { Clock } from '../../kernel/clock.ts'
import { type AttachedStream, attachStream, type StreamTarget } from './attached-stream.ts'
import { type LineFormat, lineFormat, loadDateFormat } from './line-format.ts'
import type { LogLoss } from './log-file.ts'
import type { LogFilesRegistry, LogFileUse } from './log-files-registry.ts'
import type { LogPipe } from './log-pipe.ts'

export type Output = 'out' | 'error'

export interface LogSink extends AsyncDisposable {
  /** Takes over an output of an instance until its end. */
  attach(
    source: Readable | LogPipe,
    which: Output,
    instance: { id: number; pid: number },
    how?: { isMovable: boolean },
  ): AttachedStream
  /** Takes over an output that another sink has; `id`: whose it is from now on. */
  adopt(stream: AttachedStream, which: Output, id: number): void
  /** No output is attached. */
  isIdle(): boolean
  /** Empties the files in place. @returns their names */
  flush(): Promise<string[]>
  /** Opens the files anew by name, after somebody else rotated them. @returns their names */
  reopen(): Promise<string[]>
}

export interface LogSinkOptions {
  appName: string
  spec: LogSpec
  files: LogFiles
  /** One for the whole supervisor, so that a file has one writer. */
  registry: LogFilesRegistry
  clock: Clock
  /** Called when a file cannot be written (0 lines) and when it can be again, if lines were dropped. */
  onDropped: (loss: LogLoss) => void
}

export function openLogSink(options: LogSinkOptions): LogSink {
  const { appName, spec, files, registry, clock, onDropped } = options
  const attached = new Set<Disposable>()
  const wall = (): ReturnType<Clock['wall']> => clock.wall()
  const formatDate = spec.dateFormat === undefined ? undefined : loadDateFormat(spec.dateFormat)
  const isRaw = formatDate === undefined && spec.type === 'raw'

  const formatOf = async (id: number, which: Output): Promise<LineFormat> => {
    const origin = { appName, id, type: which === 'out' ? 'out' : 'err' } as const
    return lineFormat(spec, origin, { wall, formatDate: await formatDate }) ?? ((lines) => lines)
  }

  let remarkFormat: LineFormat | undefined
  const remark = (text: string): Buffer => {
    const line = Buffer.from(`${text}\n`)
    return remarkFormat?.(line) ?? line
  }

  const uses = new Map<string, LogFileUse>()
  const use = (path: string | undefined): LogFileUse[] => {
    if (path === undefined || spec.disabled || isNowhere(path)) return []
    const known = uses.get(path) ?? registry.use({ path, appName, spec, remark, onLoss: onDropped })
    uses.set(path, known)
    return [known]
  }
  const targets: Record<Output, Set<LogFileUse>> = {
    out: new Set([...use(files.out), ...use(files.combined)]),
    error: new Set([...use(files.error), ...use(files.combined)]),
  }

  const each = async (action: (use: LogFileUse) => Promise<void>): Promise<string[]> => {
    await Promise.all([...uses.values()].map(action))
    return [...uses.keys()]
  }

  const targetOf = (which: Output, id: number, onLeft: () => void): StreamTarget => {
    const format = isRaw ? undefined : formatOf(id, which)
    void format?.then((loaded) => {
      remarkFormat = loaded
    })
    return { inlets: Array.from(targets[which], (target) => target.openInlet()), format, onLeft }
  }

  return {
    attach(source, which, { id }, how = { isMovable: false }) {
      const target = targetOf(which, id, () => void attached.delete(stream))
      const stream = attachStream({ source, target, clock, ...how })
      attached.add(stream)
      return stream
    },
    adopt(stream, which, id) {
      // One that is at its end needs no inlet.
      attached.add(stream)
      const target = targetOf(which, id, () => void attached.delete(stream))
      if (stream.moveTo(target)) return
      attached.delete(stream)
      for (const inlet of target.inlets) inlet.end()
    },
    isIdle: () => attached.size === 0,
    flush: () => each(({ file }) => file.truncate()),
    reopen: () => each(({ file }) => file.reopen()),
    async [Symbol.asyncDispose]() {
      for (const stream of attached) stream[Symbol.dispose]()
      await each(async (target) => await target[Symbol.asyncDispose]())
    },
  }
}

/** `/dev/null` and PM2's `NULL`: the output is read and forgotten. */
function isNowhere(path: string): boolean {
  return path === '/dev/null' || basename(path) === 'NULL'
}
