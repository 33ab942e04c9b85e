/** A connection that stays: many requests, and the events that the daemon sends by itself. */

import { connect } from 'node:net'

import type { DaemonApi } from '../contract/api.ts'
import { LbmError } from '../contract/errors.ts'
import { createLineSplitter } from '../contract/lines.ts'
import { createPeer, type Peer } from '../contract/rpc.ts'
import { ownHello } from './call.ts'

export interface Connection extends Disposable {
  request: Peer<DaemonApi>['request']
  /** Resolves when the connection is gone; pending requests have been rejected. */
  closed: Promise<void>
}

export interface ConnectionOptions {
  socketPath: string
  onNotification?: ((method: string, params: unknown) => void) | undefined
}

/** The list of a few thousand instances is one line. */
const MAX_LINE_CHARS = 64 * 1024 * 1024

/** @throws LbmError DAEMON_UNREACHABLE, with the errno as its cause */
export async function openConnection({
  socketPath,
  onNotification,
}: ConnectionOptions): Promise<Connection> {
  const socket = connect(socketPath)
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (cause) => {
      reject(
        new LbmError(
          'DAEMON_UNREACHABLE',
          `No answer from the daemon at ${socketPath}: ${cause.message}.`,
          { cause },
        ),
      )
    })
  })
  const peer = createPeer<DaemonApi>({
    hello: ownHello(),
    methods: {},
    send: (line) => socket.write(line),
    ...(onNotification === undefined ? {} : { onNotification }),
  })
  const splitter = createLineSplitter(peer.receive, MAX_LINE_CHARS)
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    if (!splitter.push(text)) socket.destroy()
  })
  // 'close' follows and tells whoever waits.
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      peer.close(new LbmError('DAEMON_UNREACHABLE', 'The connection to the daemon was lost.'))
      resolve()
    })
  })
  return { request: peer.request, closed, [Symbol.dispose]: () => socket.destroy() }
}
