/** JSON-RPC 2.0 over any line transport, both ways, typed by the tables in `api.ts` and `supervisor.ts`. */

import {
  createJSONRPCErrorResponse,
  createJSONRPCSuccessResponse,
  type ErrorListener,
  JSONRPCClient,
  JSONRPCErrorException,
  JSONRPCServer,
  JSONRPCServerAndClient,
} from 'json-rpc-2.0'

import { fromWireError, LbmError, toWireError, type WireError } from './errors.ts'
import { type Hello, isCompatible, PROTOCOL } from './version.ts'

/** A table of methods: `{ 'noun.verb': { params, result } }`. */
export type Api = object

export type ParamsOf<A, M extends keyof A> = A[M] extends { params: infer P } ? P : never
export type ResultOf<A, M extends keyof A> = A[M] extends { result: infer R } ? R : never

/** What one side serves; each gets the parameters as they came over the wire. */
export type Methods = Record<string, (params: unknown) => unknown>

/** Typed view of `Methods`: one function a row of the table. */
export type Implementation<A extends Api> = {
  [M in keyof A]: (params: ParamsOf<A, M>) => ResultOf<A, M> | Promise<ResultOf<A, M>>
}

export interface PeerOptions {
  hello: Hello
  /** Writes one line, newline included. */
  send: (line: string) => void
  methods: Methods
  onNotification?: (method: string, params: unknown) => void
  onBug?: (error: unknown) => void
  /** The other side sent something that is not JSON-RPC. It has been told so. */
  onGarbage?: () => void
  /** More requests of the other side than that, at once, are refused. */
  maxInFlight?: number
}

export interface Peer<Remote extends Api> {
  /** @throws LbmError with the remote's code, or DAEMON_UNREACHABLE once closed */
  request<M extends keyof Remote & string>(
    method: M,
    params: ParamsOf<Remote, M>,
    options?: { timeoutMs?: number | undefined },
  ): Promise<ResultOf<Remote, M>>
  notify(method: string, params: unknown): void
  /** Takes one line from the other side. */
  receive(line: string): void
  /** Rejects every pending call. */
  close(reason: LbmError): void
  /** The other side's first line, once it came. */
  remote(): Hello | undefined
}

/** JSON-RPC's range for the application's own errors. */
const APPLICATION_ERROR = -32000
const PARSE_ERROR = -32700
const INVALID_REQUEST = -32600
const METHOD_NOT_FOUND = -32601

/** Sends the hello at once, so that a client's hello and first request are one write. */
export function createPeer<Remote extends Api>(options: PeerOptions): Peer<Remote> {
  const { hello, methods, onNotification, onBug, onGarbage, maxInFlight = Infinity } = options
  let remote: Hello | undefined
  const write = (payload: unknown): void => options.send(`${JSON.stringify(payload)}\n`)

  // The library logs errors of handlers by itself unless it is given a listener.
  const ignore: ErrorListener = () => undefined
  const server = new JSONRPCServer({ errorListener: ignore })
  server.mapErrorToJSONRPCErrorResponse = (id, error) => {
    const wire = toWireError(error)
    if (wire.code === 'INTERNAL') onBug?.(error)
    return createJSONRPCErrorResponse(id, APPLICATION_ERROR, wire.message, wire)
  }
  let inFlight = 0
  // Not `addMethod`: that is closures for each method of each connection.
  server.handleMethodNotFound = async ({ id, method, params }) => {
    if (remote !== undefined && !isCompatible(remote)) throw protocolMismatch(hello, remote)
    if (inFlight >= maxInFlight) {
      throw new LbmError(
        'BAD_REQUEST',
        `More than ${maxInFlight} requests at once on one connection.`,
      )
    }
    inFlight += 1
    try {
      const result = await methods[method]?.(params)
      return id === undefined ? null : createJSONRPCSuccessResponse(id, result ?? null)
    } finally {
      inFlight -= 1
    }
  }
  const client = new JSONRPCClient((payload) => write(payload))
  const both = new JSONRPCServerAndClient(server, client, { errorListener: ignore })

  write({ jsonrpc: '2.0', method: 'hello', params: hello })

  let closed: LbmError | undefined
  return {
    async request(method, params, { timeoutMs } = {}) {
      if (closed !== undefined) throw closed
      const caller =
        timeoutMs === undefined ? client : client.timeout(timeoutMs, timedOut(method, timeoutMs))
      try {
        return await caller.request(method, params)
      } catch (error) {
        throw fromRemote(error)
      }
    },
    notify(method, params) {
      write({ jsonrpc: '2.0', method, params })
    },
    receive(line) {
      const payload = parseMessage(line)
      if (typeof payload === 'number') {
        write(createJSONRPCErrorResponse(null, payload, 'Not a JSON-RPC 2.0 message.'))
        onGarbage?.()
        return
      }
      if (payload.method === 'hello') {
        if (isHello(payload.params)) remote = payload.params
        else onGarbage?.()
        return
      }
      if (typeof payload.method === 'string' && !Object.hasOwn(methods, payload.method)) {
        if ('id' in payload) {
          const text = `There is no method "${payload.method.slice(0, 100)}".`
          write(createJSONRPCErrorResponse(payload.id ?? null, METHOD_NOT_FOUND, text))
        } else onNotification?.(payload.method, payload.params)
        return
      }
      void both.receiveAndSend(payload).catch((error: unknown) => onBug?.(error))
    },
    close(reason) {
      closed = reason
      both.rejectAllPendingRequests(JSON.stringify(toWireError(reason)))
    },
    remote: () => remote,
  }
}

interface Message {
  id?: number | string | null
  method?: string
  params?: unknown
}

/** @returns an error code of JSON-RPC for what is no request, notification or answer; a batch is none of them */
function parseMessage(line: string): Message | number {
  let payload: unknown
  try {
    payload = JSON.parse(line)
  } catch {
    return PARSE_ERROR
  }
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
    return INVALID_REQUEST
  const { jsonrpc, id, method, result, error } = payload as Record<string, unknown>
  const isIdValid =
    id === undefined || id === null || typeof id === 'number' || typeof id === 'string'
  const isAnswer =
    method === undefined && id !== undefined && (result !== undefined || isErrorObject(error))
  const isCall = typeof method === 'string' && result === undefined && error === undefined
  return jsonrpc === '2.0' && isIdValid && (isAnswer || isCall) ? payload : INVALID_REQUEST
}

function isErrorObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'message' in value
}

function isHello(value: unknown): value is Hello {
  if (typeof value !== 'object' || value === null || !('protocol' in value) || !('role' in value))
    return false
  const { protocol } = value
  return typeof protocol === 'object' && protocol !== null && 'major' in protocol
}

function timedOut(method: string, timeoutMs: number) {
  return (id: number | string | null) =>
    createJSONRPCErrorResponse(id, APPLICATION_ERROR, 'timed out', {
      code: 'DAEMON_UNREACHABLE',
      message: `No answer to ${method} within ${timeoutMs} ms.`,
    } satisfies WireError)
}

function fromRemote(error: unknown): LbmError {
  const text = error instanceof Error ? error.message : String(error)
  if (!(error instanceof JSONRPCErrorException))
    return new LbmError('INTERNAL', text, { cause: error })
  // `close` can hand the library a text only, so it puts the whole error into it.
  const wire = isWireError(error.data) ? error.data : parseWireError(text)
  if (wire !== undefined) return fromWireError(wire)
  if (error.code !== METHOD_NOT_FOUND) return new LbmError('BAD_REQUEST', text)
  return new LbmError('PROTOCOL_MISMATCH', `${text} The other side is of another version.`, {
    hint: 'Type "lbm upgrade" to bring both to one version.',
  })
}

function parseWireError(text: string): WireError | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isWireError(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isWireError(value: unknown): value is WireError {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value
}

function protocolMismatch(own: Hello, remote: Hello): LbmError {
  return new LbmError(
    'PROTOCOL_MISMATCH',
    `This is lbm ${own.version} (protocol ${PROTOCOL.major}); the other side is ${remote.version} (protocol ${remote.protocol.major}).`,
    { hint: 'Type "lbm upgrade" to bring both to one version.' },
  )
}
