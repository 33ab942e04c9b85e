/** Listens that stay in this process. */

import net from 'node:net'

import { errnoOf } from './errors.ts'
import type { NativeHandle, NetInternals } from './node-internals.ts'

/** libuv's flag for SO_REUSEPORT; net.Server knows it since 22.12 and 23.1. */
export const UV_TCP_REUSEPORT = 2

export const canReusePort: boolean =
  process.platform === 'linux' && knowsReusePort(process.versions.node)

function knowsReusePort(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}

/** The app brings the socket along. (`exclusive: true` never comes here: net.js binds it without asking.) */
export function bindsItself({ fd }: { fd?: number | undefined | null }): boolean {
  return typeof fd === 'number' && fd >= 0
}

/** Binds as net.js does. @returns the handle, or a negative errno */
export function bind(
  address: string | null,
  port: number,
  addressType: number,
  fd: number | undefined,
  flags: number,
): NativeHandle | number {
  const create = (net as unknown as NetInternals)._createServerHandle
  if (address || bindsItself({ fd })) return create(address, port, addressType, fd, flags)
  const dual = create('::', port, 6, undefined, flags)
  return typeof dual === 'number' ? create('0.0.0.0', port, 4, undefined, flags) : dual
}

/** libuv tells EADDRINUSE only at listen(), which on an unbound socket would bind to a random port. */
export function checkBound(handle: NativeHandle | number, port: number): NativeHandle | number {
  if (typeof handle === 'number' || port === 0) return handle
  if (nameOf(handle).port === port) return handle
  handle.close()
  return errnoOf('EADDRINUSE')
}

interface UdpHandle extends NativeHandle {
  open(fd: number): number
}

/** @returns the handle, or a negative errno */
export function openUdp(socket: object, fd: number): NativeHandle | number {
  const key = Object.getOwnPropertySymbols(socket).find(
    ({ description }) => description === 'state symbol',
  )
  const state =
    key === undefined ? undefined : (socket as Record<symbol, { handle: UdpHandle }>)[key]
  if (state === undefined) return errnoOf('ENOTSUP')
  const handle = new (state.handle.constructor as new () => UdpHandle)()
  const errno = handle.open(fd)
  return errno === 0 ? handle : errno
}

/** `closed` runs when somebody calls `close()`; `closeOnly()` passes it by. */
export function tellWhenClosed(handle: NativeHandle, closed: () => void): NativeHandle {
  const { close } = handle
  handle.closeOnly = () => {
    handle.close = close
    handle.close()
  }
  handle.close = (done) => {
    handle.close = close
    closed()
    handle.close(done)
  }
  return handle
}

export function nameOf(handle: NativeHandle): { port?: number } {
  const name = {}
  handle.getsockname?.(name)
  return name
}
