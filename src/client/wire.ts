/** How a client reaches the daemon: by a connection for each request, or by one for all. */

import { LbmError } from '../contract/errors.ts'
import type { HomePaths } from '../contract/home.ts'
import { call, isDaemonDown, type Method, type Params, type Result } from './call.ts'
import { openConnection } from './connection.ts'
import { callStarting } from './ensure-daemon.ts'
import { explainConnect, hasSupervisors } from './home-state.ts'

export interface AskOptions {
  /** Ends the wait, not the work. */
  signal?: AbortSignal
  /** The same after this time, with TIMED_OUT. */
  timeoutMs?: number
}

export type Ask = <M extends Method>(
  method: M,
  params: Params<M>,
  given?: AskOptions,
) => Promise<Result<M>>

export interface Wire {
  /** Asks a daemon that is there; one that left its supervisors behind is started again. */
  ask: Ask
  /** The same, starting the daemon where there is none. */
  askStarting: Ask
}

export interface WireOptions {
  home: () => HomePaths
  env: NodeJS.ProcessEnv
}

export function wireByCall({ home, env }: WireOptions): Wire {
  const askStarting: Ask = (method, params, given) =>
    callStarting({ home: home(), env }, method, params, { signal: signalOf(given) })
  return {
    askStarting,
    async ask(method, params, given) {
      try {
        return await call(home().socket, method, params, { signal: signalOf(given) })
      } catch (error) {
        if (!isDaemonDown(error)) throw explainConnect(error, home())
        if (!hasSupervisors(home())) throw error
        return await askStarting(method, params, given)
      }
    },
  }
}

export interface ConnectedWire extends Wire, Disposable {
  /** Resolves when the connection is gone. */
  closed: Promise<void>
}

/** Keeps the process alive until it is disposed. @throws LbmError DAEMON_UNREACHABLE */
export async function wireByConnection(home: HomePaths): Promise<ConnectedWire> {
  const connection = await openConnection({ socketPath: home.socket })
  // The same table of methods, spelled in two ways.
  const request = connection.request as Ask
  const ask: Ask = (method, params, given) => untilAborted(request(method, params), signalOf(given))
  return {
    ask,
    askStarting: ask,
    closed: connection.closed,
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  }
}

export function signalOf({ signal, timeoutMs }: AskOptions = {}): AbortSignal | undefined {
  if (timeoutMs === undefined) return signal
  const timer = new AbortController()
  const error = new LbmError(
    'TIMED_OUT',
    `No answer within ${timeoutMs} ms; what was begun goes on.`,
  )
  setTimeout(() => timer.abort(error), timeoutMs).unref()
  return signal === undefined ? timer.signal : AbortSignal.any([signal, timer.signal])
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work
  // Whoever stops waiting does not look at what comes of it.
  work.catch(() => undefined)
  signal.throwIfAborted()
  let onAbort = (): void => undefined
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
