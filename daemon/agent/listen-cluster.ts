/** Cluster mode: `cluster._getServer` asks the supervisor for a listener. Connections come as messages, or from a handle of it. */

import type { Socket } from 'node:dgram'
import { resolve } from 'node:path'

import type { ListenQuery } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'
import { errnoOf } from './errors.ts'
import { createFauxHandle, type FauxHandle } from './faux-handle.ts'
import { acquireIndex } from './listen-index.ts'
import { type AnyServer, clusterModule, type NativeHandle } from './node-internals.ts'
import {
  bind,
  bindsItself,
  canReusePort,
  checkBound,
  openUdp,
  tellWhenClosed,
  UV_TCP_REUSEPORT,
} from './own-bind.ts'
import type { Reply, Requests } from './requests.ts'
import type { Servers } from './servers.ts'
import { shareTicketKeys } from './ticket-keys.ts'

/** What net.js and dgram.js ask for. */
interface NodeQuery {
  address: string | null
  port: number
  addressType: ListenQuery['addressType'] | null
  fd?: number | null
  flags?: number
  backlog?: number
  readableAll?: boolean
  writableAll?: boolean
}

type Done = (errno: number, handle: NativeHandle | null) => void

interface Held {
  server: AnyServer
  handle: FauxHandle
  /** Binds once more, where the instances bind. */
  bindOwn: (() => NativeHandle | number) | undefined
}

const DEFAULT_BACKLOG = 511

/** Takes a connection of which something was read already. */
export type TakeConnection = (server: AnyServer, client: NativeHandle, read: Buffer) => void

export function listenThroughSupervisor(
  channel: Channel,
  servers: Servers,
  requests: Requests,
  take: TakeConnection,
): void {
  const held = new Map<string, Held>()

  const getServer = (server: AnyServer, node: NodeQuery, done: Done): void => {
    if (bindsItself(node)) {
      const bound = bindHere(server, node)
      process.nextTick(() => (typeof bound === 'number' ? done(bound, null) : done(0, bound)))
      return
    }
    const { query, release } = queryOf(node)
    requests.listen(query, canReusePort, (reply, handle) => {
      const closed = (): void => {
        held.delete(reply.key)
        release()
        channel.send({ act: 'close', key: reply.key })
      }
      if (reply.errno !== undefined) {
        release()
        done(reply.errno, null)
      } else if (reply.how === 'shared') {
        servers.addDatagramSocket(server as unknown as Socket)
        done(0, tellWhenClosed(handle as NativeHandle, closed))
      } else {
        hold(server, query, reply, handle as NativeHandle | undefined, closed, done)
      }
    })
  }
  Object.assign(clusterModule(), { _getServer: getServer })

  function hold(
    server: AnyServer,
    query: ListenQuery,
    reply: Reply,
    handle: NativeHandle | undefined,
    closed: () => void,
    done: Done,
  ): void {
    const bindOwn = (): NativeHandle | number =>
      checkBound(
        bind(
          query.address,
          query.port,
          query.addressType as number,
          undefined,
          query.flags | UV_TCP_REUSEPORT,
        ),
        query.port,
      )
    const isOwn = reply.how === 'own'
    // Bound now, so that a failure is told as one of listen(); listened on in rotation.
    const bound = isOwn ? bindOwn() : handle
    if (typeof bound === 'number') {
      closed()
      done(bound, null)
      return
    }
    const faux = createFauxHandle({
      sockname: query.addressType === -1 ? undefined : reply.sockname,
      closed,
    })
    if (reply.accept === true && bound !== undefined) faux.acceptFrom(bound)
    else bound?.close()
    held.set(reply.key, { server, handle: faux, bindOwn: isOwn ? bindOwn : undefined })
    shareTicketKeys(server, reply.ticketKeys)
    done(0, faux)
  }

  channel.on('connection', ({ id, key, data }, handle) => {
    const client = handle as NativeHandle | undefined
    const entry = held.get(key)
    const accepted = client !== undefined && entry !== undefined && hasRoom(entry.server)
    channel.acknowledge(id, accepted, servers.openConnections() + (accepted ? 1 : 0))
    if (!accepted) client?.close()
    else if (data === undefined) entry.handle.onconnection(0, client)
    else take(entry.server, client, Buffer.from(data, 'base64'))
  })
  channel.on('accept', ({ key, giveBack }, handle) => {
    const entry = held.get(key)
    if (entry === undefined) {
      ;(handle as NativeHandle | undefined)?.close()
      return
    }
    const from = handle ?? entry.handle.accepting() ?? entry.bindOwn?.()
    if (typeof from === 'object') entry.handle.acceptFrom(from as NativeHandle)
    if (giveBack === true) channel.send({ act: 'returned', key }, entry.handle.accepting())
  })
  channel.on('refrain', ({ key }) => held.get(key)?.handle.refrain())
}

function hasRoom({ maxConnections, dropMaxConnection, _connections }: AnyServer): boolean {
  // Newer Nodes let an app drop what is too much instead of leaving it to another instance.
  return dropMaxConnection === true || !maxConnections || _connections < maxConnections
}

function queryOf(node: NodeQuery): { query: ListenQuery; release: () => void } {
  const addressType = node.addressType ?? 4
  const isFile = addressType === -1 && node.address !== null && !node.address.startsWith('\0')
  const address = isFile ? resolve(node.address ?? '') : node.address
  const { index, release } = acquireIndex(`${address ?? ''}:${node.port}:${addressType}`)
  const query: ListenQuery = {
    address,
    port: node.port ?? 0,
    addressType,
    flags: node.flags ?? 0,
    backlog: node.backlog || DEFAULT_BACKLOG,
    index,
  }
  if (node.readableAll === true) query.readableAll = true
  if (node.writableAll === true) query.writableAll = true
  return { query, release }
}

/** A socket that the app brings along by its descriptor. */
function bindHere(server: AnyServer, { addressType, fd, flags }: NodeQuery): NativeHandle | number {
  if (typeof fd !== 'number') return errnoOf('EINVAL')
  if (addressType === 'udp4' || addressType === 'udp6') return openUdp(server, fd)
  return bind(null, 0, 4, fd, flags ?? 0)
}
