/** Listens that stay in this process. */

import net from 'node:net'

import type { NativeHandle, NetInternals } from './node-internals.ts'

/** libuv's flag for SO_REUSEPORT; net.Server knows it since 22.12 and 23.1. */
export const UV_TCP_REUSEPORT = 2

export const canReusePort: boolean =
  process.platform === 'linux' && knowsReusePort(process.versions.node)

export function knowsReusePort(version: string): boolean {
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
