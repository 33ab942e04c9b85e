/**
 * The first supervisor of a home, started by a command that has yet to read the rest of its arguments, before the daemon.
 * The command holds the other end of its standard input: it appoints the supervisor by a line there, and its end is the
 * end of what the supervisor waits for. The daemon adopts it like one that an earlier daemon started.
 */

import type { AppRecord } from './app.ts'

/** How a supervisor is told that no daemon started it: `node supervisor.cjs --expected`. */
export const EXPECTED_FLAG = '--expected'

/** The line, as JSON. */
export interface Appointment {
  id: string
  /** An app to start at once, as the daemon will have it: its request for that finds the work begun. */
  app?: AppRecord
}

/** Tells the daemon of it. */
const EXPECTED_ENV = 'LBM_EXPECTED_SUPERVISOR'

export interface ExpectedSupervisor {
  id: string
  pid: number
}

export function withExpected(
  env: NodeJS.ProcessEnv,
  { id, pid }: ExpectedSupervisor,
): NodeJS.ProcessEnv {
  return { ...env, [EXPECTED_ENV]: `${pid} ${id}` }
}

/** Takes it out of `env`: it is about this daemon's start, and nobody's after it. */
export function takeExpected(env: NodeJS.ProcessEnv): ExpectedSupervisor | undefined {
  const [, pid, id] = /^(\d+) (.+)$/.exec(env[EXPECTED_ENV] ?? '') ?? []
  delete env[EXPECTED_ENV]
  return pid === undefined || id === undefined ? undefined : { id, pid: Number(pid) }
}
