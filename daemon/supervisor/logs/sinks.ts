/** The log files of one instance number: a release may name others while the one before still writes to its own. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { LogFiles } from '../../../src/contract/log-files.ts'
import type { LogSink } from './log-sink.ts'

export interface Sinks extends AsyncDisposable {
  /** For a process with this definition. */
  of(spec: AppSpec): LogSink
  /** Those that are written to, or may be. */
  all(): LogSink[]
}

export interface SinksOptions {
  filesOf: (spec: AppSpec) => LogFiles
  open: (spec: AppSpec, files: LogFiles) => LogSink
}

export function createSinks({ filesOf, open }: SinksOptions): Sinks {
  const sinks = new Map<string, LogSink>()

  /** Nobody writes to it any more, and whoever comes next writes elsewhere. */
  function closeIdle(current: string): void {
    for (const [key, sink] of sinks) {
      if (key === current || !sink.isIdle()) continue
      sinks.delete(key)
      void sink[Symbol.asyncDispose]()
    }
  }

  return {
    of(spec) {
      const files = filesOf(spec)
      const key = JSON.stringify([files, spec.logs])
      const sink = sinks.get(key) ?? open(spec, files)
      sinks.set(key, sink)
      closeIdle(key)
      return sink
    },
    all: () => [...sinks.values()],
    async [Symbol.asyncDispose]() {
      await Promise.all([...sinks.values()].map((sink) => sink[Symbol.asyncDispose]()))
    },
  }
}
