/** A connection to a socket that `serveRpc` serves. */

import { connect } from 'node:net'

import { LbmError } from '../../src/contract/errors.ts'
import { type Api, createPeer, type Methods, type Peer } from '../../src/contract/rpc.ts'
import type { Hello } from '../../src/contract/version.ts'
import { after, type Clock, systemClock } from './clock.ts'
import { createLineSocket } from './line-socket.ts'

/** An answer may be far longer than a request may: a snapshot of 500 apps with their environments. */
const MAX_ANSWER_CHARS = 64 * 1024 * 1024
const MAX_BUFFERED_BYTES = 64 * 1024 * 1024
const STALL_MS = 30_000

export interface RpcClientOptions {
  path: string
  hello: Hello
  /** What this side serves to the other. */
  methods?: Methods
  onNotification?: (method: string, params: unknown) => void
  onBug?: (error: unknown) => void
  /** Time for the connection and the other side's hello. */
  timeoutMs: number
  clock?: Clock
}

export interface ConnectedPeer<Remote extends Api> extends Peer<Remote>, Disposable {
  /** Resolves when the connection is gone; pending requests have been rejected. */
  closed: Promise<void>
}

/** @throws LbmError DAEMON_UNREACHABLE when nobody answers there in time */
export async function connectRpc<Remote extends Api>(
  options: RpcClientOptions,
): Promise<ConnectedPeer<Remote>> {
  const { path, hello, methods = {}, timeoutMs, clock = systemClock() } = options
  const socket = connect(path)
  let failure: Error | undefined
  socket.on('error', (error) => {
    failure = error
  })
  const line = createLineSocket({
    socket,
    clock,
    maxLineChars: MAX_ANSWER_CHARS,
    maxBufferedBytes: MAX_BUFFERED_BYTES,
    stallMs: STALL_MS,
    onLine(text) {
      peer.receive(text)
      if (peer.remote() !== undefined) welcomed()
    },
  })
  let welcomed: () => void = () => undefined
  const peer = createPeer<Remote>({
    hello,
    methods,
    send: line.write,
    onNotification: (method, params) => options.onNotification?.(method, params),
    onBug: (error) => options.onBug?.(error),
    onGarbage: line.drop,
  })

  let timer: Disposable | undefined
  const outcome = await Promise.race([
    new Promise<'welcomed'>((resolve) => {
      welcomed = () => resolve('welcomed')
    }),
    line.closed.then(() => 'closed' as const),
    new Promise<'timed-out'>((resolve) => {
      timer = clock.at(after(clock.now(), timeoutMs), () => resolve('timed-out'))
    }),
  ])
  timer?.[Symbol.dispose]()
  if (outcome !== 'welcomed') {
    line.drop()
    const why =
      outcome === 'closed'
        ? (failure?.message ?? 'the connection was closed')
        : `no answer within ${timeoutMs} ms`
    throw new LbmError('DAEMON_UNREACHABLE', `Cannot reach ${path}: ${why}.`, { cause: failure })
  }

  const closed = line.closed.then(() =>
    peer.close(new LbmError('DAEMON_UNREACHABLE', `The connection to ${path} was closed.`)),
  )
  return { ...peer, closed, [Symbol.dispose]: line.drop }
}
