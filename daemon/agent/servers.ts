/** Which servers listen in this process: told to the supervisor, counted by reports, emptied by a drain. */

import type { Socket } from 'node:dgram'
import net from 'node:net'

import type { Channel } from './channel.ts'
import {
  type AnyServer,
  type Listen2,
  type NativeHandle,
  ownerOf,
  placeOf,
  type ServedSocket,
} from './node-internals.ts'

export interface Servers {
  all(): Iterable<AnyServer>
  datagramSockets(): Iterable<Socket>
  addDatagramSocket(socket: Socket): void
  openConnections(): number
  /** Connections since the start of the process. */
  accepted(): number
  /** Runs for each connection before its server is given it. */
  beforeConnection(run: (client: NativeHandle) => void): void
  /** Runs for each connection that a server was given. */
  onConnection(run: (socket: ServedSocket) => void): void
  /** A server is given a connection past its handle. */
  connecting(client: NativeHandle): void
  connected(socket: ServedSocket): void
  /** Every connection comes here instead of to its server. */
  takeOver(run: (server: AnyServer, client: NativeHandle) => void): void
  /** Runs once for each server, before it listens. */
  onServer(run: (server: AnyServer) => void): void
}

type ServerPrototype = { _listen2: Listen2 }

/** net.js calls `_listen2` for every listen that succeeds in getting a handle, whatever its origin. */
export function watchServers(channel: Channel): Servers {
  const known = new WeakSet<object>()
  const servers = new Set<AnyServer>()
  const sockets = new Set<Socket>()
  const earlyLookers: ((client: NativeHandle) => void)[] = []
  const lookers: ((socket: ServedSocket) => void)[] = []
  let takesOver: ((server: AnyServer, client: NativeHandle) => void) | undefined
  let accepted = 0
  const watchers: ((server: AnyServer) => void)[] = []
  const prototype = net.Server.prototype as unknown as ServerPrototype
  const listen2 = prototype._listen2

  prototype._listen2 = function (...args) {
    listen2.apply(this, args)
    if (this._handle === null || this._handle === undefined) return
    const [, port, addressType] = args
    add(this, port === 0 && addressType !== -1)
    wrap(this, this._handle)
  }

  function wrap(server: AnyServer, handle: NativeHandle): void {
    const { onconnection } = handle
    if (onconnection === undefined) return
    handle.onconnection = function (status, client) {
      if (client === undefined) {
        onconnection.call(this, status)
        return
      }
      if (takesOver !== undefined) {
        takesOver(server, client)
        return
      }
      connecting(client)
      onconnection.call(this, status, client)
      const socket = ownerOf(client)
      if (socket !== undefined) connected(socket)
    }
  }

  function connecting(client: NativeHandle): void {
    for (const look of earlyLookers) look(client)
  }

  function connected(socket: ServedSocket): void {
    accepted += 1
    for (const look of lookers) look(socket)
  }

  /** @param isRandom it asked for any port: the next process will get another one */
  function add(server: AnyServer, isRandom: boolean): void {
    if (known.has(server)) return
    known.add(server)
    let place: ReturnType<typeof placeOf>
    server.on('listening', () => {
      servers.add(server)
      place = placeOf(server.address())
      if (place !== undefined)
        channel.send({ act: 'listening', ...place, ...(isRandom && { random: true }) })
    })
    // Emitted when the last connection is gone, too: until then its connections count.
    server.on('close', () => {
      servers.delete(server)
      if (place !== undefined) channel.send({ act: 'closed', ...place })
      place = undefined
    })
    for (const watch of watchers) watch(server)
  }

  return {
    all: () => servers,
    datagramSockets: () => sockets,
    addDatagramSocket(socket) {
      if (known.has(socket)) return
      known.add(socket)
      socket.once('listening', () => {
        const place = { ...placeOf(socket.address()), protocol: 'udp' } as const
        sockets.add(socket)
        channel.send({ act: 'listening', ...place })
        socket.once('close', () => {
          sockets.delete(socket)
          channel.send({ act: 'closed', ...place })
        })
      })
    },
    openConnections() {
      let count = 0
      for (const { _connections: connections } of servers) count += connections
      return count
    },
    accepted: () => accepted,
    beforeConnection: (run) => void earlyLookers.push(run),
    onConnection: (run) => void lookers.push(run),
    connecting,
    connected,
    takeOver: (run) => void (takesOver = run),
    onServer: (run) => void watchers.push(run),
  }
}
