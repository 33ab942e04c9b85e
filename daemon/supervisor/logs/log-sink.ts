/** Where the output of one instance goes: its files, whatever format they have. */

import { createWriteStream, promises } from 'node:fs'
import type { Readable } from 'node:stream'

import type { LogSpec } from '../../../src/contract/app.ts'
import type { LogFiles } from '../../../src/contract/log-files.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { LogFilesRegistry, LogLoss } from './log-files-registry.ts'
import type { LogPipe } from './log-pipe.ts'

export type Output = 'out' | 'error'

export interface AttachedStream {
  /** Resolves when all that was read is written, at the end of the stream or when the grace after the exit is over. */
  readonly ended: Promise<void>
  /** The newest lines, oldest first, without newlines. Works after the end, too. */
  lastLines(count: number): string[]
  /**
   * The instance is gone. Reading goes on to the end of the stream; `ended` waits no longer than `graceMs`
   * for it, since a grandchild may keep the pipe open.
   */
  exited(graceMs: number): void
}

export interface LogSink extends AsyncDisposable {
  /** Takes over an output of an instance until its end. */
  attach(
    source: Readable | LogPipe,
    which: Output,
    instance: { id: number; pid: number },
  ): AttachedStream
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
  const { files, clock } = options
  const names = [files.out, files.error]
  return {
    attach(source, which) {
      if (!('pipe' in source)) throw new Error('pipes are not attached yet')
      let tail = ''
      const file = createWriteStream(which === 'out' ? files.out : files.error, { flags: 'a' })
      source.on('data', (chunk: Buffer) => {
        tail = (tail + chunk.toString()).slice(-16_384)
      })
      source.pipe(file)
      const { promise, resolve } = withResolvers()
      file.on('finish', resolve)
      return {
        ended: promise,
        lastLines: (count) => tail.split('\n').filter(Boolean).slice(-count),
        exited(graceMs) {
          clock.at((clock.now() + graceMs) as never, resolve)
        },
      }
    },
    async flush() {
      await Promise.all(names.map((name) => promises.truncate(name)))
      return names
    },
    async reopen() {
      return names
    },
    async [Symbol.asyncDispose]() {},
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
