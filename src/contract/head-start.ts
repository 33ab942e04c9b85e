/**
 * The daemon and the first supervisor of a home, started by a command that has yet to read the rest of its arguments. It
 * holds the other end of their standard input: the end of the command is the end of what they wait for.
 */

/** `node daemon.cjs --expected`; `node supervisor.cjs --expected`, which is told its id by a line of its input. */
export const EXPECTED_FLAG = '--expected'

/** A supervisor that was started for the app of a request. */
export interface ExpectedSupervisor {
  id: string
  pid: number
}
