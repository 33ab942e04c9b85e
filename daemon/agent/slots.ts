/** Accepts from the slots that the supervisor hands over, as if their connections had come to the app's own listener. */

import type { AgentConfig } from '../../src/contract/agent.ts'
import type { Channel } from './channel.ts'
import { type AnyServer, type NativeHandle, placeOf } from './node-internals.ts'
import type { Servers } from './servers.ts'

const BACKLOG = 511

interface HttpServer extends AnyServer {
  keepAliveTimeout?: number
}

export interface HeldSlots {
  leaveAll(): void
}

export function acceptFromSlots(
  channel: Channel,
  servers: Servers,
  config: AgentConfig['slots'],
): HeldSlots {
  const held = new Map<number, { handle: NativeHandle; server: AnyServer }>()
  const followed = new WeakSet<NativeHandle>()

  function take(number: number, handle: NativeHandle): void {
    const server = serverFor(servers.all(), config?.port)
    const own = server?._handle
    if (server === undefined || own === null || own === undefined) {
      handle.close()
      channel.send({ act: 'slot-left', number })
      return
    }
    leave(number)
    held.set(number, { handle, server })
    keepLonger(server)
    followClose(server, own)
    // Whether the process stays alive is the affair of its own listener.
    handle.unref?.()
    handle.onconnection = (status, client) => {
      if (server._handle?.onconnection !== undefined) server._handle.onconnection(status, client)
      else client?.close()
    }
    handle.listen?.(BACKLOG)
  }

  /** HTTP servers of Node close after 5 s what a proxy keeps for longer: it would send into a closing connection. */
  function keepLonger(server: AnyServer): void {
    const { keepAliveTimeout } = server as HttpServer
    const wantedMs = config?.keepAliveMs ?? 0
    // 0 is for ever.
    if (keepAliveTimeout !== undefined && keepAliveTimeout > 0 && keepAliveTimeout < wantedMs)
      (server as HttpServer).keepAliveTimeout = wantedMs
  }

  /** A server that is closed accepts nowhere any more. */
  function followClose(server: AnyServer, own: NativeHandle): void {
    if (followed.has(own)) return
    followed.add(own)
    const { close } = own
    own.close = function (done) {
      own.close = close
      for (const [number, slot] of held) {
        if (slot.server !== server) continue
        leave(number)
        channel.send({ act: 'slot-left', number })
      }
      close.call(this, done)
    }
  }

  function leave(number: number): void {
    const slot = held.get(number)
    if (slot === undefined) return
    held.delete(number)
    // What this turn of the loop finds in its queue is accepted still.
    setImmediate(() => slot.handle.close())
  }

  channel.on('slot', ({ number }, handle) => {
    if (handle !== undefined) take(number, handle as NativeHandle)
  })
  channel.on('slot-leave', ({ number }) => leave(number))
  return {
    leaveAll() {
      for (const number of held.keys()) leave(number)
    },
  }
}

function serverFor(servers: Iterable<AnyServer>, port: number | undefined): AnyServer | undefined {
  for (const server of servers) {
    if (server.listening && (port === undefined || placeOf(server.address())?.port === port))
      return server
  }
  return undefined
}
