/**
 * One request on a connection of its own: what nearly every command needs. Written by hand rather than with
 * `contract/rpc.ts`, since `lbm list` is typed all day and each module on its way is time.
 */

import { connect } from 'node:net'

import type { DaemonApi } from '../contract/api.ts'
import { fromWireError, LbmError, type WireError } from '../contract/errors.ts'
import { createLineSplitter, MAX_LINE_CHARS } from '../contract/lines.ts'
import { type Hello, isCompatible, PROTOCOL } from '../contract/version.ts'

export type Method = keyof DaemonApi
export type Params<M extends Method> = DaemonApi[M]['params']
export type Result<M extends Method> = DaemonApi[M]['result']

export interface CallOptions {
  /** Ends the wait, not the work: the daemon finishes what it began. */
  signal?: AbortSignal | undefined
  /** The daemon's first line, before its answer. */
  onHello?: ((hello: Hello) => void) | undefined
}

/** Longest answer: the list of a few thousand instances. */
const MAX_ANSWER_CHARS = 64 * 1024 * 1024
/** Each side greets at once: one that does not is stopped or hangs. Answers may take as long as their work does. */
const HELLO_TIMEOUT_MS = 10_000

export function ownHello(): Hello {
  return { protocol: PROTOCOL, version: __LBM_VERSION__, role: 'cli', pid: process.pid }
}

/** The errno of a failed connect, when it is one. */
export function connectErrno(error: unknown): string | undefined {
  return error instanceof LbmError && error.code === 'DAEMON_UNREACHABLE'
    ? (error.cause as NodeJS.ErrnoException | undefined)?.code
    : undefined
}

/** True when nothing listens on the socket: no file, or one that a dead daemon left. */
export function isDaemonDown(error: unknown): boolean {
  const errno = connectErrno(error)
  return errno === 'ENOENT' || errno === 'ECONNREFUSED'
}

/**
 * @param socketPath the daemon's socket
 * @throws LbmError with the daemon's code, or DAEMON_UNREACHABLE with the cause
 */
export function call<M extends Method>(
  socketPath: string,
  method: M,
  params: Params<M>,
  { signal, onHello }: CallOptions = {},
): Promise<Result<M>> {
  const request = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
  if (request.length > MAX_LINE_CHARS) return Promise.reject(tooLong(method, request.length))
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error)
      return
    }
    const socket = connect(socketPath)
    const settle = (end: () => void): void => {
      clearTimeout(helloTimer)
      signal?.removeEventListener('abort', onAbort)
      socket.destroy()
      end()
    }
    const fail = (error: unknown): void => settle(() => reject(error as Error))
    const onAbort = (): void => fail(signal?.reason)
    signal?.addEventListener('abort', onAbort)

    const helloTimer = setTimeout(
      () => fail(unreachable(socketPath, 'it says nothing')),
      HELLO_TIMEOUT_MS,
    )
    const greeted = (hello: Hello): void => {
      clearTimeout(helloTimer)
      onHello?.(hello)
    }

    const splitter = createLineSplitter((line) => {
      const answer = readAnswer(line, greeted)
      if (answer === undefined) return
      if (answer.error !== undefined) fail(answer.error)
      else settle(() => resolve(answer.result as Result<M>))
    }, MAX_ANSWER_CHARS)

    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      if (!splitter.push(text)) fail(unreachable(socketPath, 'it sent an answer that is too long'))
    })
    socket.on('error', (cause) => fail(unreachable(socketPath, cause.message, cause)))
    socket.on('close', () =>
      fail(unreachable(socketPath, 'it closed the connection before it answered')),
    )
    socket.write(
      `${JSON.stringify({ jsonrpc: '2.0', method: 'hello', params: ownHello() })}\n${request}\n`,
    )
  })
}

interface Answer {
  result?: unknown
  error?: LbmError
}

/** @returns undefined for a line that does not end the call */
function readAnswer(line: string, onHello: (hello: Hello) => void): Answer | undefined {
  let message: {
    id?: unknown
    method?: string
    params?: unknown
    result?: unknown
    error?: { message: string; data?: WireError }
  }
  try {
    message = JSON.parse(line)
  } catch {
    return {
      error: new LbmError(
        'DAEMON_UNREACHABLE',
        'What listens on the socket of the daemon does not speak its protocol.',
      ),
    }
  }
  if (message.method === 'hello') {
    const hello = message.params as Hello
    onHello(hello)
    return isCompatible(hello) ? undefined : { error: protocolMismatch(hello) }
  }
  if (message.error !== undefined) {
    const { data, message: text } = message.error
    return { error: data === undefined ? unknownMethod(text) : fromWireError(data) }
  }
  return message.id === 1 ? { result: message.result } : undefined
}

function unreachable(socketPath: string, why: string, cause?: unknown): LbmError {
  return new LbmError('DAEMON_UNREACHABLE', `No answer from the daemon at ${socketPath}: ${why}.`, {
    cause,
    hint: 'look at the end of daemon.log beside the socket; "lbm list" starts it again',
  })
}

function tooLong(method: string, chars: number): LbmError {
  return new LbmError(
    'USAGE',
    `The request ${method} has ${chars} characters; ${MAX_LINE_CHARS} are allowed. Most of it is probably the environment.`,
    { hint: 'pass large values in a file, or start fewer apps at once' },
  )
}

function protocolMismatch(remote: Hello): LbmError {
  return new LbmError(
    'PROTOCOL_MISMATCH',
    `This is lbm ${__LBM_VERSION__} (protocol ${PROTOCOL.major}), the daemon is lbm ${remote.version} (protocol ${remote.protocol?.major}).`,
    { hint: 'type "lbm upgrade" to bring the daemon to this version' },
  )
}

/** A request that the other side knows nothing of: it is of another version. */
function unknownMethod(text: string): LbmError {
  return new LbmError('PROTOCOL_MISMATCH', `The daemon is of another version: ${text}.`, {
    hint: 'type "lbm upgrade" to bring the daemon to this version',
  })
}
