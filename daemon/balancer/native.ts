/** Node's own handles (libuv's TCP, pipe and UDP objects) as far as balancing looks into them. Not public API of Node. */

import dgram from 'node:dgram'
import net from 'node:net'
import { constants } from 'node:os'

import type { ListenQuery } from '../../src/contract/agent.ts'

export interface SocketName {
  address?: string
  port?: number
  family?: string
}

interface Handle {
  readonly fd: number
  close(done?: () => void): void
  ref(): void
  unref(): void
  getsockname?(out: SocketName): number
}

/** An accepted connection. */
export interface StreamHandle extends Handle {
  getpeername?(out: SocketName): number
  readStop(): number
  onread: unknown
}

export interface ListenHandle extends Handle {
  /** @returns 0 or a negative errno */
  listen(backlog: number): number
  onconnection: ((status: number, client?: StreamHandle) => void) | undefined
  fchmod?(mode: number): number
}

interface UdpHandle extends Handle {
  bind(address: string, port: number, flags: number): number
  bind6(address: string, port: number, flags: number): number
}

interface NetInternals {
  _createServerHandle(
    address: string | null,
    port: number,
    addressType: 4 | 6 | -1,
    fd: undefined,
    flags: number,
  ): ListenHandle | number
}

export const EADDRINUSE: number = -constants.errno.EADDRINUSE

const UV_READABLE = 1
const UV_WRITABLE = 2

/** Binds as `net.Server.listen` would. @returns the handle, or a negative errno */
export function bindStream(query: ListenQuery): ListenHandle | number {
  const { address, port, flags, addressType } = query
  if (addressType === 'udp4' || addressType === 'udp6') return -constants.errno.EINVAL
  const create = (net as unknown as NetInternals)._createServerHandle
  if (addressType === -1) return openToOthers(create(address, -1, -1, undefined, flags), query)
  if (address !== null && address !== '')
    return checkBound(create(address, port, addressType, undefined, flags), port)
  const dual = create('::', port, 6, undefined, flags)
  // A host without IPv6: every IPv4 address is what "every address" means there.
  return checkBound(
    typeof dual === 'number' ? create('0.0.0.0', port, 4, undefined, flags) : dual,
    port,
  )
}

function openToOthers(
  handle: ListenHandle | number,
  { readableAll, writableAll }: ListenQuery,
): ListenHandle | number {
  const mode = (readableAll === true ? UV_READABLE : 0) | (writableAll === true ? UV_WRITABLE : 0)
  if (typeof handle === 'number' || mode === 0) return handle
  const errno = handle.fchmod?.(mode) ?? 0
  if (errno === 0) return handle
  handle.close()
  return errno
}

/** libuv tells EADDRINUSE only at listen(), which on an unbound socket would bind to a random port. */
function checkBound(handle: ListenHandle | number, port: number): ListenHandle | number {
  if (typeof handle === 'number' || port === 0) return handle
  if (socketName(handle).port === port) return handle
  handle.close()
  return EADDRINUSE
}

/** @returns the handle, or a negative errno */
export function bindUdp({ address, port, addressType, flags }: ListenQuery): Handle | number {
  const handle = createUdpHandle()
  const errno =
    addressType === 'udp6'
      ? handle.bind6(address ?? '::', port, flags)
      : handle.bind(address ?? '0.0.0.0', port, flags)
  if (errno === 0) return handle
  handle.close()
  return errno
}

/** `dgram._createSocketHandle` would do, but warns of its deprecation. */
function createUdpHandle(): UdpHandle {
  const socket = dgram.createSocket('udp4')
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  const state =
    key === undefined
      ? undefined
      : (socket as unknown as Record<symbol, { handle: UdpHandle }>)[key]
  if (state === undefined) throw new Error('this Node hides its UDP handles')
  const Handle = state.handle.constructor as new () => UdpHandle
  socket.close()
  return new Handle()
}

export function socketName(handle: Handle): SocketName {
  const name: SocketName = {}
  handle.getsockname?.(name)
  return name
}

/** Empty for a Unix socket. */
export function peerAddress(handle: StreamHandle): string {
  const name: SocketName = {}
  handle.getpeername?.(name)
  return name.address ?? ''
}
