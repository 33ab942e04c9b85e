/** The parts of Node's own objects that the agent touches; the same on Node 20, 22 and 24. */

import type { AddressInfo, Server } from 'node:net'

export interface NativeHandle {
  close(done?: () => void): void
  ref?(): void
  unref?(): void
  listen?(backlog: number): number
  getsockname?(out: object): number
  getpeername?(out: object): number
  onconnection?: OnConnection
  readonly bytesWritten?: number
}

/** What net.js calls with each accepted connection; `this` is the handle. */
export type OnConnection = (this: unknown, status: number, client?: NativeHandle) => void

export interface ServerInternals {
  _handle: NativeHandle | null
  _connections: number
  _listeningId: number
  maxConnections?: number
  dropMaxConnection?: boolean
  ticketKeys?: Buffer
  setTicketKeys?(keys: Buffer): void
}

export type AnyServer = Server & ServerInternals

export interface NetInternals {
  _createServerHandle(
    address: string | null,
    port: number | null,
    addressType: number | string | null,
    fd: number | undefined,
    flags: number,
  ): NativeHandle | number
}

export type Listen2 = (
  this: AnyServer,
  address: string | null,
  port: number,
  addressType: 4 | 6 | -1,
  backlog: number,
  fd: number | undefined,
  flags: number | undefined,
) => void

export interface Place {
  address: string
  port: number
}

/** Where a server listens, as the contract words it. */
export function placeOf(address: AddressInfo): Place
export function placeOf(address: string | AddressInfo | null): Place | undefined
export function placeOf(address: string | AddressInfo | null): Place | undefined {
  if (address === null) return undefined
  return typeof address === 'string'
    ? { address, port: -1 }
    : { address: address.address, port: address.port }
}
