/**
 * Fork mode: `cluster.isPrimary` stays true and listening is as synchronous as under plain node. The process binds by
 * itself and gives the supervisor a copy of the socket; a later process of the app then finds the address taken, asks
 * the supervisor, and accepts from that copy once it is in rotation.
 */

import net from 'node:net'
import { resolve } from 'node:path'

import { type ListenQuery, listenerKey } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'
import { errnoOf } from './errors.ts'
import { createFauxHandle } from './faux-handle.ts'
import { acquireIndex } from './listen-index.ts'
import { type AnyServer, copyOwner, type Listen2, type NativeHandle } from './node-internals.ts'
import { bind, bindsItself, checkBound, nameOf, tellWhenClosed } from './own-bind.ts'
import type { Requests } from './requests.ts'
import { shareTicketKeys } from './ticket-keys.ts'

const UV_READABLE = 1
const UV_WRITABLE = 2
const DEFAULT_BACKLOG = 511

interface Held {
  server: AnyServer
  query: ListenQuery
  /** The app closed the server. */
  closed: () => void
}

export function listenAsPlainNode(channel: Channel, requests: Requests): void {
  const prototype = net.Server.prototype as unknown as { _listen2: Listen2 }
  const listen2 = prototype._listen2
  const held = new Map<string, Held>()

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
        ? errnoOf('EADDRINUSE')
        : checkBound(bind(query.address, port, addressType, undefined, query.flags), port)
    if (typeof bound !== 'number') {
      listenOn(bound)
      // Port 0 asks for a port that nobody had before.
      if (this._handle === bound && port !== 0) offer(this, bound, query, release)
      else release()
    } else if (bound === errnoOf('EADDRINUSE') || bound === errnoOf('EACCES')) {
      ask(this, query, release, listenOn)
    } else {
      release()
      listenOn(failing(bound))
    }
  }

  function offer(
    server: AnyServer,
    handle: NativeHandle,
    query: ListenQuery,
    release: () => void,
  ): void {
    const entry = hold(server, query, release)
    requests.offer(query, handle, (reply) => shareTicketKeys(server, reply.ticketKeys))
    tellWhenClosed(handle, entry.closed)
  }

  function hold(server: AnyServer, query: ListenQuery, release: () => void): Held {
    const key = listenerKey(query)
    const entry: Held = {
      server,
      query,
      closed() {
        held.delete(key)
        release()
        channel.send({ act: 'close', key })
      },
    }
    held.set(key, entry)
    return entry
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
        const isWanted = server._handle === placeholder && server._listeningId === listening
        if (isWanted) server._handle = null
        if (reply.errno !== undefined || !isWanted) {
          release()
          if (isWanted) listenOn(failing(reply.errno ?? errnoOf('EADDRINUSE')))
          else channel.send({ act: 'close', key: reply.key })
          ;(handle as NativeHandle | undefined)?.close()
          return
        }
        const { closed } = hold(server, query, release)
        shareTicketKeys(server, reply.ticketKeys)
        const sockname = socketNameOf(query, reply.sockname)
        if (handle === undefined) listenOn(createFauxHandle({ sockname, closed }))
        else listenOn(tellWhenClosed(handle as NativeHandle, closed))
      })
    })
  }

  // A probe: on the shared port another process might answer it.
  channel.on('connection', ({ id, key }, handle) => {
    const client = handle as NativeHandle | undefined
    const listening = held.get(key)?.server._handle
    const accepted = client !== undefined && typeof listening?.onconnection === 'function'
    channel.send({ act: 'ack', id, accepted })
    if (accepted) listening.onconnection?.(0, client)
    else client?.close()
  })
  // Whoever accepts has the socket itself for a handle, as under plain node: an app may pass it on to its children.
  channel.on('accept', ({ key }, handle) => {
    const from = handle as NativeHandle | undefined
    const entry = held.get(key)
    if (entry === undefined || from === undefined) {
      from?.close()
      return
    }
    exchange(entry.server, tellWhenClosed(from, entry.closed))
    from.listen?.(entry.query.backlog || DEFAULT_BACKLOG)
  })
  channel.on('refrain', ({ key }) => {
    const entry = held.get(key)
    if (entry === undefined || entry.server._handle === null) return
    const sockname = socketNameOf(entry.query, nameOf(entry.server._handle))
    exchange(entry.server, createFauxHandle({ sockname, closed: entry.closed }))
  })
}

/** The server goes on with another handle, and does not notice. */
function exchange(server: AnyServer, handle: NativeHandle): void {
  const before = server._handle
  if (before === null) {
    handle.close()
    return
  }
  if (before.onconnection !== undefined) handle.onconnection = before.onconnection
  copyOwner(before, handle)
  server._handle = handle
  if (server._unref === true) handle.unref?.()
  // Quietly: the app did not close it. What this turn of the loop finds in its queue is accepted still.
  setImmediate(() => closeQuietly(before))
}

function closeQuietly(handle: NativeHandle): void {
  const { closeOnly } = handle
  if (closeOnly === undefined) handle.close()
  else closeOnly.call(handle)
}

function socketNameOf({ addressType }: ListenQuery, name: object | undefined): object | undefined {
  return addressType === -1 ? undefined : name
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

/** Stands in while the answer is awaited: the server listens and has its address when listen() returns, as under plain node. */
function createPlaceholder(query: ListenQuery): NativeHandle & { fchmod(mode: number): number } {
  const { address, port, addressType } = query
  const name = {
    address: address ?? '::',
    port,
    family: addressType === 4 && address ? 'IPv4' : 'IPv6',
  }
  return {
    ...(addressType !== -1 && { getsockname: (out: object) => (Object.assign(out, name), 0) }),
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
