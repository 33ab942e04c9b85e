/** Cluster mode: `cluster._getServer` asks the supervisor for a listener; connections come as messages or from a shared handle. */

import cluster from 'node:cluster'
import type { Socket } from 'node:dgram'
import { resolve } from 'node:path'

import type { ListenQuery } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'
import { createFauxHandle, type FauxHandle } from './faux-handle.ts'
import { acquireIndex } from './listen-index.ts'
import type { AnyServer, NativeHandle } from './node-internals.ts'
import { bind, bindsItself, canReusePort, UV_TCP_REUSEPORT } from './own-bind.ts'
import type { Requests } from './requests.ts'
import type { Servers } from './servers.ts'
import { shareTicketKeys } from './ticket-keys.ts'

export interface NodeQuery {
  address: string | null
  port: number
  addressType: ListenQuery['addressType'] | null
  fd?: number | undefined
  flags?: number | undefined
  backlog?: number
  readableAll?: boolean | undefined
  writableAll?: boolean | undefined
}

type Done = (errno: number, handle: NativeHandle | null) => void

export function listenThroughSupervisor(
  channel: Channel,
  servers: Servers,
  requests: Requests,
): void {
  const handles = new Map<string, FauxHandle>()

  const getServer = (server: AnyServer, node: NodeQuery, done: Done): void => {
    if (bindsItself(node)) {
      const bound = bindHere(server, node, node.flags ?? 0)
      process.nextTick(() => (typeof bound === 'number' ? done(bound, null) : done(0, bound)))
      return
    }
    const { query, release } = queryOf(node)
    requests.listen(query, canReusePort, (reply, handle) => {
      if (reply.errno !== undefined) {
        release()
        done(reply.errno, null)
        return
      }
      if (reply.how === 'own') {
        release()
        const bound = bindHere(server, node, query.flags | UV_TCP_REUSEPORT)
        if (typeof bound === 'number') done(bound, null)
        else done(0, bound)
        return
      }
      const { key } = reply
      if (reply.how === 'shared' && isUdp(query)) {
        const shared = handle as NativeHandle
        tellWhenClosed(shared, () => {
          release()
          channel.send({ act: 'close', key })
        })
        servers.addDatagramSocket(server as unknown as Socket)
        done(0, shared)
        return
      }
      const faux = createFauxHandle({
        sockname: reply.sockname,
        listensOnPath: query.addressType === -1,
        closed() {
          handles.delete(key)
          release()
          channel.send({ act: 'close', key })
        },
      })
      handles.set(key, faux)
      faux.server = server
      if (reply.how === 'shared') faux.acceptFrom(handle as NativeHandle)
      shareTicketKeys(server, reply.ticketKeys)
      done(0, faux)
    })
  }
  Object.assign(cluster, { _getServer: getServer })

  channel.on('connection', ({ id, key, data }, handle) => {
    const client = handle as NativeHandle | undefined
    const faux = handles.get(key)
    const accepted = client !== undefined && faux !== undefined && hasRoom(faux.server)
    channel.send({ act: 'ack', id, accepted, open: servers.openConnections() + (accepted ? 1 : 0) })
    if (!accepted) client?.close()
    else faux.take(client, data === undefined ? undefined : Buffer.from(data, 'base64'))
  })
  channel.on('accept', ({ key }, handle) => handles.get(key)?.acceptFrom(handle as NativeHandle))
  channel.on('refrain', ({ key }) => handles.get(key)?.refrain())
}

function hasRoom(server: AnyServer | undefined): boolean {
  if (server === undefined || server.dropMaxConnection === true) return true
  return !server.maxConnections || server._connections < server.maxConnections
}

function isUdp({ addressType }: ListenQuery): boolean {
  return addressType === 'udp4' || addressType === 'udp6'
}

function queryOf(node: NodeQuery): { query: ListenQuery; release: () => void } {
  const addressType = node.addressType ?? 4
  const isPath = addressType === -1 && node.address !== null && !node.address.startsWith('\0')
  const address = isPath ? resolve(node.address ?? '') : node.address
  const { index, release } = acquireIndex(`${address ?? ''}:${node.port}:${addressType}`)
  const query: ListenQuery = {
    address,
    port: node.port,
    addressType,
    flags: node.flags ?? 0,
    backlog: node.backlog ?? 0,
    index,
  }
  if (node.readableAll === true) query.readableAll = true
  if (node.writableAll === true) query.writableAll = true
  return { query, release }
}

function bindHere(
  server: AnyServer,
  { address, port, addressType, fd }: NodeQuery,
  flags: number,
): NativeHandle | number {
  if (addressType === 'udp4' || addressType === 'udp6') return openUdp(server, fd ?? -1)
  return bind(address, port, addressType ?? 4, fd, flags)
}

/** A UDP socket that the app brings along by its descriptor. */
function openUdp(socket: object, fd: number): NativeHandle | number {
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  const state =
    key === undefined ? undefined : (socket as Record<symbol, { handle: NativeHandle }>)[key]
  const Handle = state?.handle.constructor as
    | (new () => NativeHandle & { open(fd: number): number })
    | undefined
  if (Handle === undefined) return -22
  const handle = new Handle()
  const errno = handle.open(fd)
  return errno === 0 ? handle : errno
}

function tellWhenClosed(handle: NativeHandle, closed: () => void): void {
  const { close } = handle
  handle.close = function (done) {
    handle.close = close
    closed()
    close.call(this, done)
  }
}
