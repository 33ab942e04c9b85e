/**
 * The first supervisor of a home, started by a command beside the daemon and not after it: the daemon adopts it like one
 * that an earlier daemon started.
 */

/** How a supervisor is told that no daemon started it: `node supervisor.cjs <id> --expected`. */
export const EXPECTED_FLAG = '--expected'

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
