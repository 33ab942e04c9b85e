/** A client with one connection that stays. */

import { type Client, type ClientOptions, clientOver, homeOf } from './client.ts'
import { type AskOptions, wireByCall, wireByConnection } from './wire.ts'

export interface ConnectOptions extends ClientOptions, AskOptions {
  /** false: reject with DAEMON_UNREACHABLE where no daemon runs, in place of starting one. */
  start?: boolean
}

/** Keeps the process alive until it is disposed, or the daemon is gone. */
export interface Connection extends Client, Disposable {
  /** Resolves when the connection is gone; every call that was pending has been rejected, and further ones are. */
  closed: Promise<void>
}

/** The daemon greets at once: one that does not within this is stopped or hangs. */
const CONNECT_TIMEOUT_MS = 15_000

/** @throws LbmError DAEMON_UNREACHABLE, HOME_UNUSABLE, or PROTOCOL_MISMATCH with a daemon of another major version */
export async function connect(options: ConnectOptions = {}): Promise<Connection> {
  const { start = true, signal, timeoutMs = CONNECT_TIMEOUT_MS } = options
  const home = homeOf(options)
  const limits = { timeoutMs, ...(signal === undefined ? {} : { signal }) }
  const byCall = wireByCall({ home: () => home, env: options.env ?? process.env })
  await (start ? byCall.askStarting : byCall.ask)('daemon.ping', {}, limits)
  const wire = await wireByConnection(home)
  return {
    ...clientOver(wire, () => home, options),
    closed: wire.closed,
    [Symbol.dispose]: () => wire[Symbol.dispose](),
  }
}
