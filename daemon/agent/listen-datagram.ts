/**
 * Fork mode, UDP: the supervisor binds, so that a successor may have the same socket while this process still has it.
 * Under plain node binding is asynchronous as well.
 */

import dgram, { type Socket } from 'node:dgram'

import type { ListenQuery } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'
import { acquireIndex } from './listen-index.ts'
import type { NativeHandle } from './node-internals.ts'
import { tellWhenClosed } from './own-bind.ts'
import type { Requests } from './requests.ts'
import type { Servers } from './servers.ts'

interface SocketState {
  handle: { lookup(address: string, done: (error: Error | null, ip: string) => void): void } | null
  bindState: number
  reuseAddr?: boolean
  reusePort?: boolean
  ipv6Only?: boolean
}

type Bind = (this: Socket, ...args: unknown[]) => Socket

const UNBOUND = 0
const BINDING = 1
const UV_UDP_IPV6ONLY = 1

export function bindThroughSupervisor(
  channel: Channel,
  servers: Servers,
  requests: Requests,
): void {
  const prototype = dgram.Socket.prototype as unknown as { bind: Bind }
  const { bind } = prototype

  prototype.bind = function (...args) {
    const state = stateOf(this)
    const place = placeOf(args)
    servers.addDatagramSocket(this)
    const isShareable =
      state?.handle && state.bindState === UNBOUND && !state.reuseAddr && !state.reusePort
    if (!isShareable || place === undefined || !channel.isOpen()) return bind.apply(this, args)
    const addressType = (this as unknown as { type: 'udp4' | 'udp6' }).type
    const anywhere = addressType === 'udp4' ? '0.0.0.0' : '::'
    state.bindState = BINDING
    channel.hold()
    state.handle?.lookup(place.address || anywhere, (error, ip) => {
      channel.letGo()
      if (error !== null) bindPlainly()
      else
        ask({
          address: ip,
          port: place.port,
          addressType,
          flags: state.ipv6Only ? UV_UDP_IPV6ONLY : 0,
        })
    })
    const bindPlainly = (): void => {
      state.bindState = UNBOUND
      if (state.handle) bind.apply(this, args)
    }
    const ask = (wanted: Omit<ListenQuery, 'index' | 'backlog'>): void => {
      const { index, release } = acquireIndex(`${wanted.address}:${wanted.port}:${addressType}`)
      requests.listen({ ...wanted, backlog: 0, index }, false, (reply, handle) => {
        if (handle === undefined) {
          // Plain node's own attempt fails in plain node's own words.
          release()
          bindPlainly()
          return
        }
        const shared = tellWhenClosed(handle as NativeHandle, () => {
          release()
          channel.send({ act: 'close', key: reply.key })
        })
        state.bindState = UNBOUND
        if (state.handle === null) shared.close()
        else bind.call(this, shared, ...args.filter((each) => typeof each === 'function'))
      })
    }
    return this
  }
}

function stateOf(socket: Socket): SocketState | undefined {
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  return key === undefined ? undefined : (socket as unknown as Record<symbol, SocketState>)[key]
}

/** @returns undefined for what cannot be shared: a handle, a descriptor, a port that nobody had before, `exclusive` */
function placeOf([first, second]: unknown[]): { address: string; port: number } | undefined {
  const isOptions = typeof first === 'object' && first !== null
  if (isOptions && ('recvStart' in first || 'fd' in first)) return undefined
  const { port, address, exclusive } = (isOptions ? first : { port: first, address: second }) as {
    port?: unknown
    address?: unknown
    exclusive?: boolean
  }
  if (exclusive === true || !Number(port)) return undefined
  return { address: typeof address === 'string' ? address : '', port: Number(port) }
}
