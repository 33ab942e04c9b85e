/** The parts of Node's own objects that the agent touches; the same on Node 20, 22 and 24. */

import type cluster from 'node:cluster'
import type { ServerResponse } from 'node:http'
import type { AddressInfo, Server, Socket } from 'node:net'

/** In fork mode the app may never need it, and it costs a third of a millisecond. */
export const clusterModule = (): typeof cluster => require('node:cluster') as typeof cluster

export interface NativeHandle {
  close(done?: () => void): void
  /** Closes it without telling that it is closed. */
  closeOnly?(): void
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
  _unref?: boolean
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

/** A socket that a server was given. */
export interface ServedSocket extends Socket {
  server?: AnyServer
  /** HTTP's; null once the connection was upgraded. */
  parser?: { onIncoming?: (request: unknown, shouldKeepAlive: boolean) => unknown } | null
  /** The answer under way. */
  _httpMessage?: ServerResponse | null
  _readableState?: { ended: boolean }
}

let ownerSymbol: symbol | undefined

type Owned = Record<symbol, ServedSocket | undefined>

function findOwnerSymbol(handle: NativeHandle): symbol | undefined {
  ownerSymbol ??= Object.getOwnPropertySymbols(handle).find(
    ({ description }) => description === 'owner_symbol',
  )
  return ownerSymbol
}

/** The socket that net.js made for a handle; undefined when the server would not have it. */
export function ownerOf(handle: NativeHandle): ServedSocket | undefined {
  const symbol = findOwnerSymbol(handle)
  return symbol === undefined ? undefined : (handle as unknown as Owned)[symbol]
}

/** net.js finds the server of a handle by it. */
export function copyOwner(from: NativeHandle, to: NativeHandle): void {
  const symbol = findOwnerSymbol(from)
  if (symbol !== undefined) (to as unknown as Owned)[symbol] = (from as unknown as Owned)[symbol]
}
