/** The log files of one instance of an app, with its losses told. */

import type { LbmEvent } from '../../../src/contract/events.ts'
import { logFilesOf } from '../../../src/contract/log-files.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { LogFilesRegistry } from './log-files-registry.ts'
import { openLogSink } from './log-sink.ts'
import { createSinks, type Sinks } from './sinks.ts'

export interface InstanceSinksOptions {
  app: string
  id: number
  logsDir: string
  registry: LogFilesRegistry
  clock: Clock
  emit: (event: LbmEvent) => void
}

export function sinksOfInstance(options: InstanceSinksOptions): Sinks {
  const { app, id, logsDir, registry, clock, emit } = options
  return createSinks({
    filesOf: (spec) => logFilesOf(spec, logsDir, id),
    open: (spec, files) =>
      openLogSink({
        appName: spec.name,
        spec: spec.logs,
        files,
        registry,
        clock,
        onDropped: ({ lines, message }) =>
          emit({ v: 1, atMs: clock.wall(), app, type: 'logs.dropped', id, lines, message }),
      }),
  })
}
