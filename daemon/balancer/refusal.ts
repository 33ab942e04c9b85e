/** What a connection gets that no instance could take in time: an answer it understands, else a reset. */

import net from 'node:net'

import type { Clock } from '../kernel/clock.ts'
import { after } from '../kernel/clock.ts'
import type { StreamHandle } from './native.ts'

/** A client that sent its request has sent it long ago; this only lets the loop read it. */
const READ_MS = 100
const LINGER_MS = 1000
const RETRY_AFTER_S = 1

const BODY = 'No instance could take the request in time.\n'
const ANSWER = [
  'HTTP/1.1 503 Service Unavailable',
  `Retry-After: ${RETRY_AFTER_S}`,
  'Content-Type: text/plain; charset=utf-8',
  `Content-Length: ${BODY.length}`,
  'Connection: close',
  '',
  BODY,
].join('\r\n')

const HTTP_START = /^(?:GET|HEAD|POST|PUT|DELETE|CONNECT|OPTIONS|TRACE|PATCH|[A-Z-]{3,20}) \S/

/** @param read what was read of it already */
export function refuse(handle: StreamHandle, read: Buffer | undefined, clock: Clock): void {
  const socket = new net.Socket({ handle, allowHalfOpen: true } as net.SocketConstructorOpts)
  socket.on('error', () => socket.destroy())
  const decide = (start: Buffer | undefined): void => {
    timer[Symbol.dispose]()
    if (start !== undefined && HTTP_START.test(start.toString('latin1', 0, 64)))
      answer(socket, clock)
    else socket.resetAndDestroy()
  }
  const timer = clock.at(after(clock.now(), READ_MS), () => decide(undefined))
  if (read !== undefined && read.length > 0) decide(read)
  else socket.once('data', decide)
}

/** Reads on for a moment: closing a socket with unread bytes resets it, and the answer would be lost. */
function answer(socket: net.Socket, clock: Clock): void {
  socket.end(ANSWER)
  socket.on('data', () => undefined)
  socket.once('end', () => socket.destroy())
  const timer = clock.at(after(clock.now(), LINGER_MS), () => socket.destroy())
  socket.once('close', () => timer[Symbol.dispose]())
}

export function reset(handle: StreamHandle): void {
  new net.Socket({ handle } as net.SocketConstructorOpts)
    .on('error', () => undefined)
    .resetAndDestroy()
}
