/** Ends what is under way without cutting anything off, as far as the time allows. Nothing of the app is wrapped. */

import { closeIdleConnections, sayGoingAway, watchSessions, watchSockets } from './connections.ts'
import { isFaux } from './faux-handle.ts'
import type { RequestCounts } from './http-requests.ts'
import type { AnyServer } from './node-internals.ts'
import type { Servers } from './servers.ts'

export interface DrainOptions {
  /** Idle keep-alive connections stay open for so long: longer than clients think. */
  idleMs: number
  /** Whatever is open then is closed. */
  timeoutMs: number
}

export type Drain = (options: DrainOptions, done: () => void) => void

const POLL_MS = 50
/** Those who lose a WebSocket come back at once, elsewhere; not all in the same moment. */
const MAX_SPREAD_MS = 5000
const SPREAD_SHARE = 0.2
/** A client has so long to answer the close frame. */
const FAREWELL_MS = 1000
/** Until the stop signal comes the process does not end of itself: the app's own clean-up would not run. */
const HOLD_MS = 200

/** @param leaveSlots stops accepting from what is not a server's own */
export function createDrain(
  servers: Servers,
  counts: RequestCounts,
  leaveSlots: () => void,
): Drain {
  const sessions = watchSessions(servers)
  const sockets = watchSockets(servers)
  let started = false

  return ({ idleMs, timeoutMs }, done) => {
    if (started) return
    started = true
    const startMs = performance.now()
    const spreadMs = Math.min(MAX_SPREAD_MS, timeoutMs * SPREAD_SHARE)
    const greeted = new Set<object>()
    counts.closeConnections()
    leaveSlots()
    for (const server of servers.all()) stopAccepting(server)
    sessions.close()

    const look = (): void => {
      const elapsedMs = performance.now() - startMs
      if (elapsedMs >= idleMs) for (const server of servers.all()) closeIdleConnections(server)
      if (elapsedMs >= timeoutMs - spreadMs) closeShare(timeoutMs - elapsedMs)
      const isEmpty = servers.openConnections() === 0 && counts.active() === 0
      if (!isEmpty && elapsedMs < timeoutMs + FAREWELL_MS) return
      clearInterval(timer)
      setTimeout(() => undefined, HOLD_MS)
      done()
    }
    const timer = setInterval(look, POLL_MS)
    look()

    /** Of what is open, as much as must go now for all to be gone in `leftMs`. */
    function closeShare(leftMs: number): void {
      const open = sockets.list().filter((socket) => !greeted.has(socket))
      const steps = Math.max(1, Math.ceil(leftMs / POLL_MS))
      for (const socket of open.slice(0, Math.ceil(open.length / steps))) {
        greeted.add(socket)
        sayGoingAway(socket)
        setTimeout(() => socket.destroy(), FAREWELL_MS).unref()
      }
    }
  }
}

/** The server stays as the app knows it; only this process' copy of the listening socket goes. */
function stopAccepting(server: AnyServer): void {
  const handle = server._handle
  if (handle === null) return
  if (isFaux(handle)) {
    handle.refrain()
    return
  }
  const name = {}
  if (handle.getsockname?.(name) === 0) {
    handle.getsockname = (out) => {
      Object.assign(out, name)
      return 0
    }
  }
  handle.close()
}
