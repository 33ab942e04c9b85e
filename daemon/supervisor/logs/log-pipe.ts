/** Real pipes for the output of instances, in place of the socket pairs that `stdio: 'pipe'` makes. */

/**
 * Give `writeFd` to `spawn` as stdio and call `spawned()` right after, whatever came of it; hand the pipe to
 * `LogSink.attach`, which owns the reading end from then on.
 */
export interface LogPipe {
  readonly writeFd: number
  readonly readFd: number
  spawned(): void
}
