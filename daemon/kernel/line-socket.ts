/** A socket that carries lines, bounded in both directions. */

import type { Socket } from 'node:net'

import { createLineSplitter } from '../../src/contract/lines.ts'
import { after, type Clock } from './clock.ts'

export interface LineSocketOptions {
  socket: Socket
  clock: Clock
  onLine: (line: string) => void
  maxLineChars: number
  /** A line may be written while fewer bytes than this wait; so one answer of any size still goes out. */
  maxBufferedBytes: number
  /** How long an incomplete line may stay incomplete. */
  stallMs: number
}

export interface LineSocket {
  write: (line: string) => void
  drop: () => void
  /** Drops it once what was written is on its way. */
  finish: () => void
  /** Resolves when the socket is closed, by whichever side. */
  closed: Promise<void>
}

export function createLineSocket(options: LineSocketOptions): LineSocket {
  const { socket, clock, onLine, maxLineChars, maxBufferedBytes, stallMs } = options
  let stalled: Disposable | undefined
  const splitter = createLineSplitter((line) => {
    // A chunk may hold more lines after the one that made us drop the peer.
    if (!socket.destroyed) onLine(line)
  }, maxLineChars)
  const drop = (): void => {
    socket.destroy()
  }

  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    stalled?.[Symbol.dispose]()
    stalled = undefined
    if (!splitter.push(text)) drop()
    else if (!text.endsWith('\n')) stalled = clock.at(after(clock.now(), stallMs), drop)
  })
  // `close` follows and says the same to whoever waits.
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      stalled?.[Symbol.dispose]()
      resolve()
    })
  })

  return {
    write(line) {
      if (socket.destroyed || !socket.writable) return
      if (socket.writableLength > maxBufferedBytes) drop()
      else socket.write(line)
    },
    drop,
    finish: () => socket.destroySoon(),
    closed,
  }
}
