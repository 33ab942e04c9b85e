/** JSON-RPC lines over a Unix socket, many peers at once. A peer can harm its own connection only. */

import { chmodSync, mkdirSync, renameSync, statSync, unlinkSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname, join } from 'node:path'

import { LbmError } from '../../src/contract/errors.ts'
import { MAX_LINE_CHARS } from '../../src/contract/lines.ts'
import { type Api, createPeer, type Methods, type Peer } from '../../src/contract/rpc.ts'
import type { Hello } from '../../src/contract/version.ts'
import { after, type Clock, systemClock } from './clock.ts'
import { createLineSocket, type LineSocket } from './line-socket.ts'

/** `sockaddr_un.sun_path`: 108 bytes on Linux, 104 on macOS, with a terminating zero. */
const MAX_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/** How long a peer may take to read its last answer when the server ends. */
const FAREWELL_MS = 500

export interface RpcLimits {
  connections: number
  /** A peer must have sent its hello or a request by then. */
  helloMs: number
  stallMs: number
  lineChars: number
  bufferedBytes: number
  /** Requests of one peer that are being worked on at once. */
  inFlight: number
}

export const DEFAULT_RPC_LIMITS: RpcLimits = {
  connections: 1000,
  helloMs: 5000,
  stallMs: 10_000,
  lineChars: MAX_LINE_CHARS,
  bufferedBytes: 8 * 1024 * 1024,
  inFlight: 256,
}

export interface RpcConnection<Remote extends Api = Api> {
  peer: Peer<Remote>
  closed: Promise<void>
  drop: () => void
}

export interface RpcServerOptions<Remote extends Api> {
  /** Absolute path of the socket. Its folder is made, for this user alone, if it is not there. */
  path: string
  hello: Hello
  /** One table for all peers, or one made for each. */
  methods: Methods | ((connection: RpcConnection<Remote>) => Methods)
  onConnection?: (connection: RpcConnection<Remote>) => void
  onNotification?: (method: string, params: unknown, connection: RpcConnection<Remote>) => void
  /** A method threw something that is no LbmError. */
  onBug?: (error: unknown) => void
  limits?: Partial<RpcLimits>
  clock?: Clock
}

/** Disposing it lets answers that were written reach their peers. */
export interface RpcServer<Remote extends Api = Api> extends AsyncDisposable {
  /** Sends a notification to every peer; serialised once. */
  broadcast: (method: string, params: unknown) => void
  peers: () => RpcConnection<Remote>[]
  [Symbol.asyncDispose]: () => Promise<void>
}

interface Guest<Remote extends Api> extends RpcConnection<Remote> {
  line: LineSocket
  hasSpoken: boolean
}

/** @throws LbmError HOME_UNUSABLE when the socket cannot be made there */
export async function serveRpc<Remote extends Api = Api>(
  options: RpcServerOptions<Remote>,
): Promise<RpcServer<Remote>> {
  const limits = { ...DEFAULT_RPC_LIMITS, ...options.limits }
  const clock = options.clock ?? systemClock()
  const guests = new Set<Guest<Remote>>()

  const server = createServer((socket) => {
    if (guests.size >= limits.connections && !evictSilent(guests)) {
      socket.destroy()
      return
    }
    const guest = welcome(socket, options, limits, clock)
    guests.add(guest)
    void guest.closed.then(() => guests.delete(guest))
    options.onConnection?.(guest)
  })
  const inode = await listenOn(server, options.path)

  return {
    broadcast(method, params) {
      const line = `${JSON.stringify({ jsonrpc: '2.0', method, params })}\n`
      for (const guest of guests) guest.line.write(line)
    },
    peers: () => [...guests],
    async [Symbol.asyncDispose]() {
      unlinkIfSame(options.path, inode)
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      for (const guest of guests) guest.line.finish()
      using _ = clock.at(after(clock.now(), FAREWELL_MS), () => {
        for (const guest of guests) guest.drop()
      })
      await closed
    },
  }
}

/** Makes room by dropping the oldest peer that never said anything. */
function evictSilent<Remote extends Api>(guests: Set<Guest<Remote>>): boolean {
  for (const guest of guests) {
    if (guest.hasSpoken) continue
    guests.delete(guest)
    guest.drop()
    return true
  }
  return false
}

function welcome<Remote extends Api>(
  socket: Socket,
  options: RpcServerOptions<Remote>,
  limits: RpcLimits,
  clock: Clock,
): Guest<Remote> {
  const line = createLineSocket({
    socket,
    clock,
    maxLineChars: limits.lineChars,
    maxBufferedBytes: limits.bufferedBytes,
    stallMs: limits.stallMs,
    onLine(text) {
      guest.hasSpoken = true
      silent[Symbol.dispose]()
      guest.peer.receive(text)
    },
  })
  const silent = clock.at(after(clock.now(), limits.helloMs), line.drop)
  const guest: Guest<Remote> = {
    line,
    hasSpoken: false,
    closed: line.closed,
    drop: line.drop,
    // Replaced below: a table of methods that is made for each peer gets the connection, which holds the peer.
    peer: undefined as never,
  }
  const table = typeof options.methods === 'function' ? options.methods(guest) : options.methods
  guest.peer = createPeer<Remote>({
    hello: options.hello,
    methods: table,
    maxInFlight: limits.inFlight,
    send: line.write,
    onNotification: (method, params) => options.onNotification?.(method, params, guest),
    onBug: (error) => options.onBug?.(error),
    // What it sent is answered first; the answer is on its way before the connection ends.
    onGarbage: line.finish,
  })
  void line.closed.then(() => {
    silent[Symbol.dispose]()
    return guest.peer.close(new LbmError('DAEMON_UNREACHABLE', 'The connection was closed.'))
  })
  return guest
}

/**
 * Binds under another name and renames, so that the socket is never there without its mode and a stale
 * one is replaced in one step.
 * @returns the socket's inode
 */
async function listenOn(server: Server, path: string): Promise<number> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new LbmError(
      'HOME_UNUSABLE',
      `The path of the socket is longer than ${MAX_PATH_BYTES} bytes: ${path}`,
      {
        hint: 'Set LBM_HOME to a shorter path.',
      },
    )
  }
  const folder = dirname(path)
  // Not longer than the final name: that one's length was checked.
  const temporary = join(folder, `.${process.pid.toString(36)}`)
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    unlinkIfThere(temporary)
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(temporary, () => {
        server.removeListener('error', reject)
        resolve()
      })
    })
    chmodSync(temporary, 0o600)
    renameSync(temporary, path)
    return statSync(path).ino
  } catch (error) {
    server.close()
    unlinkIfThere(temporary)
    throw new LbmError('HOME_UNUSABLE', `Cannot listen on ${path}: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

/** A successor may have put its own socket there. */
function unlinkIfSame(path: string, inode: number): void {
  try {
    if (statSync(path).ino === inode) unlinkSync(path)
  } catch {
    // gone already, or not ours to judge: the successor's rename replaces it
  }
}
