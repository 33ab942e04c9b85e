/** The writers of a supervisor's log files, one a file, however many instances write to it. */

import type { Clock } from '../../kernel/clock.ts'

/** What `onDropped` is told. */
export interface LogLoss {
  file: string
  /** Lines lost since the last call; 0 when the trouble begins. */
  lines: number
  message: string
}

export interface LogFilesRegistry extends AsyncDisposable {
  /** Opens every file anew, for `reloadLogs` and SIGUSR2. @returns their names */
  reopen(): Promise<string[]>
}

export function createLogFilesRegistry(_options: { clock: Clock }): LogFilesRegistry {
  return { reopen: async () => [], async [Symbol.asyncDispose]() {} }
}
