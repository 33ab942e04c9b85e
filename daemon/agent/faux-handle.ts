/** What a server has for a handle when connections come from the supervisor, as in Node's cluster. */

import type { NativeHandle, OnConnection } from './node-internals.ts'

export interface FauxHandle extends NativeHandle {
  onconnection: OnConnection
  /** Accepts from a listening handle, too. */
  acceptFrom(handle: NativeHandle): void
  /** That handle. */
  accepting(): NativeHandle | undefined
  /** Closes this process' copy of it. */
  refrain(): void
}

export interface FauxHandleOptions {
  /** Undefined for a socket with a path. */
  sockname: object | undefined
  closed: () => void
}

const MAX_TIMEOUT_MS = 2 ** 31 - 1

export function createFauxHandle({ sockname, closed }: FauxHandleOptions): FauxHandle {
  let keepAlive: NodeJS.Timeout | undefined
  let listening: NativeHandle | undefined
  /** Set once net.js has called listen(). */
  let backlog: number | undefined
  let isClosed = false

  const handle: FauxHandle = {
    // net.js puts its own here before it listens.
    onconnection: () => undefined,
    listen(asked) {
      backlog = asked
      return listening?.listen?.(asked) ?? 0
    },
    ref: () => void (keepAlive ??= setInterval(() => undefined, MAX_TIMEOUT_MS)),
    unref() {
      clearInterval(keepAlive)
      keepAlive = undefined
    },
    close(done) {
      if (!isClosed) {
        handle.closeOnly?.()
        closed()
      }
      if (done !== undefined) process.nextTick(done)
    },
    closeOnly() {
      isClosed = true
      handle.unref?.()
      handle.refrain()
    },
    acceptFrom(from) {
      if (from === listening) return
      handle.refrain()
      listening = from
      // Whether the process stays alive is this object's affair.
      from.unref?.()
      from.onconnection = (status, client) => handle.onconnection(status, client)
      if (backlog !== undefined) from.listen?.(backlog)
    },
    accepting: () => listening,
    refrain() {
      const from = listening
      listening = undefined
      // What this turn of the loop finds in its queue is accepted still.
      if (from !== undefined) setImmediate(() => from.close())
    },
  }
  handle.ref?.()
  if (sockname !== undefined) {
    handle.getsockname = (out) => {
      Object.assign(out, sockname)
      return 0
    }
  }
  return handle
}

export function isFaux(handle: NativeHandle): handle is FauxHandle {
  return 'refrain' in handle
}
