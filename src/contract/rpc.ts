/** JSON-RPC 2.0 over any line transport, both ways, typed by the tables in `api.ts` and `supervisor.ts`. */

import {
  createJSONRPCErrorResponse,
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

type ParamsOf<A, M extends keyof A> = A[M] extends { params: infer P } ? P : never
type ResultOf<A, M extends keyof A> = A[M] extends { result: infer R } ? R : never

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

/** Sends the hello at once, so that a client's hello and first request are one write. */
export function createPeer<Remote extends Api>(options: PeerOptions): Peer<Remote> {
  const { hello, methods, onNotification, onBug } = options
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
  for (const [name, method] of Object.entries(methods)) {
    server.addMethod(name, (params: unknown) => {
      if (remote !== undefined && !isCompatible(remote)) throw protocolMismatch(hello, remote)
      return method(params)
    })
  }
  server.addMethod('hello', (params: unknown) => {
    remote = params as Hello
  })
  const client = new JSONRPCClient((payload) => write(payload))
  const both = new JSONRPCServerAndClient(server, client, { errorListener: ignore })

  write({ jsonrpc: '2.0', method: 'hello', params: hello })

  return {
    async request(method, params, { timeoutMs } = {}) {
      const caller = timeoutMs === undefined ? client : client.timeout(timeoutMs, timedOut(method, timeoutMs))
      try {
        return await caller.request(method, params as never)
      } catch (error) {
        throw fromRemote(error)
      }
    },
    notify(method, params) {
      write({ jsonrpc: '2.0', method, params })
    },
    receive(line) {
      let payload: unknown
      try {
        payload = JSON.parse(line)
      } catch {
        write(createJSONRPCErrorResponse(null, PARSE_ERROR, 'Not a JSON document.'))
        return
      }
      if (onNotification !== undefined && isNotification(payload) && !server.hasMethod(payload.method)) {
        onNotification(payload.method, payload.params)
        return
      }
      void both.receiveAndSend(payload).catch((error: unknown) => onBug?.(error))
    },
    close(reason) {
      both.rejectAllPendingRequests(JSON.stringify(toWireError(reason)))
    },
    remote: () => remote,
  }
}

function isNotification(payload: unknown): payload is { method: string; params: unknown } {
  return (
    typeof payload === 'object' && payload !== null && 'method' in payload && typeof payload.method === 'string' && !('id' in payload)
  )
}

function timedOut(method: string, timeoutMs: number) {
  return (id: number | string | null) =>
    createJSONRPCErrorResponse(id, APPLICATION_ERROR, 'timed out', {
      code: 'DAEMON_UNREACHABLE',
      message: `No answer to ${method} within ${timeoutMs} ms.`,
    } satisfies WireError)
}

function fromRemote(error: unknown): LbmError {
  if (error instanceof JSONRPCErrorException) {
    if (isWireError(error.data)) return fromWireError(error.data)
    // A method that the other side does not have: it is of another version.
    return new LbmError('PROTOCOL_MISMATCH', error.message, { hint: 'Type "lbm upgrade" to bring both to one version.' })
  }
  const text = error instanceof Error ? error.message : String(error)
  const wire = parseWireError(text)
  return wire === undefined ? new LbmError('INTERNAL', text, { cause: error }) : fromWireError(wire)
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
