/** What a server has for a handle when connections come from the supervisor, as in Node's cluster. */

import type { AnyServer, NativeHandle, OnConnection } from './node-internals.ts'

export interface FauxHandle extends NativeHandle {
  server: AnyServer | undefined
  onconnection: OnConnection
  /** Injects a connection; `read` is what was read of it already. */
  take(client: NativeHandle, read: Buffer | undefined): void
  /** Accepts from a listening handle, too. */
  acceptFrom(handle: NativeHandle): void
  /** Closes this process' copy of that handle. */
  refrain(): void
}

export interface FauxHandleOptions {
  sockname: object | undefined
  listensOnPath: boolean
  closed: () => void
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1

export function createFauxHandle({
  sockname,
  listensOnPath,
  closed,
}: FauxHandleOptions): FauxHandle {
  let keepAlive: NodeJS.Timeout | undefined
  let shared: NativeHandle | undefined
  /** Set once net.js has called listen(). */
  let backlog: number | undefined
  let isClosed = false

  const handle: FauxHandle = {
    server: undefined,
    // net.js puts its own here before it listens.
    onconnection: () => undefined,
    listen(asked) {
      backlog = asked
      return shared?.listen?.(asked) ?? 0
    },
    ref: () => void (keepAlive ??= setInterval(() => undefined, MAX_TIMEOUT_MS)),
    unref() {
      clearInterval(keepAlive)
      keepAlive = undefined
    },
    close(done) {
      if (!isClosed) {
        isClosed = true
        handle.unref?.()
        handle.refrain()
        closed()
      }
      if (done !== undefined) process.nextTick(done)
    },
    take(client, read) {
      handle.onconnection(0, client)
      void read
    },
    acceptFrom(listening) {
      handle.refrain()
      shared = listening
      listening.unref?.()
      listening.onconnection = (status, client) => handle.onconnection(status, client)
      if (backlog !== undefined) listening.listen?.(backlog)
    },
    refrain() {
      shared?.close()
      shared = undefined
    },
  }
  handle.ref?.()
  if (!listensOnPath && sockname !== undefined) {
    handle.getsockname = (out) => {
      Object.assign(out, sockname)
      return 0
    }
  }
  return handle
}
