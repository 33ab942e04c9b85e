/** Reads the start of a connection that has yet to be given to an instance. What was read goes along with it. */

import net from 'node:net'

import { readProxyHeader } from '../../src/contract/agent.ts'
import type { BalanceSpec } from '../../src/contract/app.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { StreamHandle } from './native.ts'
import type { Client } from './policies/policy.ts'
import { readHead } from './policies/sticky-key.ts'

const MAX_BYTES = 8192
const MAX_MS = 3000
const END_OF_HEAD = '\r\n\r\n'

export interface Peeked {
  client: Client
  read: Buffer | undefined
}

/** Calls back once, unless the client goes away first. @param address the peer's */
export function peek(
  handle: StreamHandle,
  address: string,
  spec: BalanceSpec,
  clock: Clock,
  done: (peeked: Peeked) => void,
): void {
  const socket = new net.Socket({ handle, allowHalfOpen: true } as net.SocketConstructorOpts)
  const chunks: Buffer[] = []
  let size = 0

  const finish = (client: Client): void => {
    timer[Symbol.dispose]()
    detach(socket, handle)
    done({ client, read: size === 0 ? undefined : Buffer.concat(chunks) })
  }
  const timer = clock.at(after(clock.now(), MAX_MS), () => finish({ address }))
  socket.on('error', () => socket.destroy())
  socket.once('close', () => timer[Symbol.dispose]())
  socket.once('end', () => (size === 0 ? socket.destroy() : finish({ address })))
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    size += chunk.length
    const client = identify(chunks.length === 1 ? chunk : Buffer.concat(chunks), address, spec)
    if (client !== undefined) finish(client)
  })
}

/** @returns undefined while more has to be read */
export function identify(bytes: Buffer, peer: string, spec: BalanceSpec): Client | undefined {
  let address = peer
  let start = 0
  if (spec.proxyProtocol) {
    const header = readProxyHeader(bytes)
    if (header.state === 'partial') return undefined
    if (header.state === 'found') {
      address = header.source?.address ?? peer
      start = header.length
    }
  }
  if (spec.policy !== 'sticky') return { address }
  const request = bytes.subarray(start)
  if (request.length === 0) return undefined
  // TLS and whatever else does not begin with the name of a method has nothing to read in it.
  if (!isUpperCase(request[0])) return { address }
  const end = request.indexOf(END_OF_HEAD)
  if (end < 0 && bytes.length < MAX_BYTES) return undefined
  const { sticky, forwardedFor } = readHead(
    request.toString('latin1', 0, end < 0 ? undefined : end),
    spec,
  )
  // A proxy on this host speaks for all its clients: it says for whom.
  if (forwardedFor !== undefined && isLocal(address)) address = forwardedFor
  return sticky === undefined ? { address } : { address, sticky }
}

function isUpperCase(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x41 && byte <= 0x5a
}

/** A Unix socket has no address. */
function isLocal(address: string): boolean {
  return address === '' || address === '::1' || /^(::ffff:)?127\./.test(address)
}

/** Stops reading before anything else: what came later would be lost with this socket object. */
function detach(socket: net.Socket, handle: StreamHandle): void {
  handle.readStop()
  handle.onread = () => undefined
  ;(socket as unknown as { _handle: StreamHandle | null })._handle = null
  socket.removeAllListeners()
}
