/**
 * Fork mode: `cluster.isPrimary` stays true and listening is as synchronous as under plain node. The process binds by
 * itself and gives the supervisor a copy of the socket; a later process of the app then finds the address taken and
 * asks the supervisor for that copy.
 */

import net from 'node:net'
import { constants } from 'node:os'
import { resolve } from 'node:path'

import { type ListenQuery, listenerKey } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'
import { acquireIndex } from './listen-index.ts'
import type { AnyServer, Listen2, NativeHandle } from './node-internals.ts'
import { bind, bindsItself, checkBound, tellWhenClosed } from './own-bind.ts'
import type { Requests } from './requests.ts'
import { shareTicketKeys } from './ticket-keys.ts'

const UV_READABLE = 1
const UV_WRITABLE = 2

export function listenAsPlainNode(channel: Channel, requests: Requests): void {
  const prototype = net.Server.prototype as unknown as { _listen2: Listen2 }
  const listen2 = prototype._listen2

  prototype._listen2 = function (address, port, addressType, backlog, fd, flags) {
    const listenOn = (handle: NativeHandle): void => {
      this._handle = handle
      // The address is only for the words of an error: plain node names the one it tried.
      if (address) listen2.call(this, address, port, addressType, backlog, fd, flags)
      else listen2.call(this, '::', port, 6, backlog, fd, flags)
    }
    if (this._handle || bindsItself({ fd }) || !channel.isOpen()) {
      listen2.call(this, address, port, addressType, backlog, fd, flags)
      return
    }
    const { query, release } = queryOf(address, port, addressType, backlog, flags)
    // A socket file is removed by whoever bound it when that one closes it; so the supervisor binds those.
    const bound =
      addressType === -1
        ? -constants.errno.EADDRINUSE
        : checkBound(bind(query.address, port, addressType, undefined, query.flags), port)
    if (typeof bound !== 'number') {
      listenOn(bound)
      // Port 0 asks for a port that nobody had before.
      if (this._handle === bound && port !== 0) offer(this, bound, query, release)
      else release()
      return
    }
    if (bound !== -constants.errno.EADDRINUSE && bound !== -constants.errno.EACCES) {
      release()
      listenOn(failing(bound))
      return
    }
    ask(this, query, release, listenOn)
  }

  function closed(query: ListenQuery, release: () => void): () => void {
    return () => {
      release()
      channel.send({ act: 'close', key: listenerKey(query) })
    }
  }

  function offer(
    server: AnyServer,
    handle: NativeHandle,
    query: ListenQuery,
    release: () => void,
  ): void {
    requests.offer(query, handle, (reply) => shareTicketKeys(server, reply.ticketKeys))
    tellWhenClosed(handle, closed(query, release))
  }

  function ask(
    server: AnyServer,
    query: ListenQuery,
    release: () => void,
    listenOn: (handle: NativeHandle) => void,
  ): void {
    const placeholder = createPlaceholder(query)
    server._handle = placeholder
    const listening = server._listeningId
    // Later: net.js calls fchmod() on a socket's handle when listen() has returned.
    process.nextTick(() => {
      requests.listen(query, false, (reply, handle) => {
        const shared = handle as NativeHandle | undefined
        const isWanted = server._handle === placeholder && server._listeningId === listening
        if (isWanted) server._handle = null
        if (reply.errno !== undefined || shared === undefined) {
          release()
          if (isWanted) listenOn(failing(reply.errno ?? -constants.errno.EADDRINUSE))
          return
        }
        tellWhenClosed(shared, closed(query, release))
        if (!isWanted) {
          shared.close()
          return
        }
        shareTicketKeys(server, reply.ticketKeys)
        listenOn(shared)
      })
    })
  }
}

function queryOf(
  address: string | null,
  port: number,
  addressType: 4 | 6 | -1,
  backlog: number,
  flags: number | undefined,
): { query: ListenQuery; release: () => void } {
  const isFile = addressType === -1 && address !== null && !address.startsWith('\0')
  const place = isFile ? resolve(address) : address || null
  const { index, release } = acquireIndex(`${place ?? ''}:${port}:${addressType}`)
  return {
    query: { address: place, port, addressType, flags: flags ?? 0, backlog, index },
    release,
  }
}

/** Makes the original emit the error that plain node emits. */
function failing(errno: number): NativeHandle {
  return { listen: () => errno, close: () => undefined }
}

/** Stands in while the answer is awaited, so that the server counts as listening, as it does under plain node. */
function createPlaceholder(query: ListenQuery): NativeHandle & { fchmod(mode: number): number } {
  return {
    listen: () => 0,
    close: () => undefined,
    ref: () => undefined,
    unref: () => undefined,
    fchmod(mode) {
      if ((mode & UV_READABLE) !== 0) query.readableAll = true
      if ((mode & UV_WRITABLE) !== 0) query.writableAll = true
      return 0
    },
  }
}
