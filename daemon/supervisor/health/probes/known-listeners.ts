/** Where one instance listens, as its agent's messages tell, and how a probe gets there. */

import { type FromAgent, listenerKey, type ListenQuery } from '../../../../src/contract/agent.ts'
import type { ListeningAt } from '../../../../src/contract/instance.ts'

export type Way =
  /** A connection of one's own, given to the instance as one for that listener. */
  | { by: 'hand'; key: string }
  /** Nobody else can be listening there. */
  | { by: 'port'; port: number }

export interface KnownListeners {
  receive(message: FromAgent): void
  /** @returns undefined while it does not listen (there) */
  wayTo(port: number | undefined): Way | undefined
}

export function createKnownListeners(): KnownListeners {
  const queries = new Map<string, ListenQuery>()
  let places: ListeningAt[] = []

  function wayTo(port: number | undefined): Way | undefined {
    const streams = [...queries.values()].filter(
      ({ addressType }) => typeof addressType === 'number',
    )
    const chosen =
      port === undefined ? streams.sort(tcpFirst)[0] : streams.find((one) => one.port === port)
    if (chosen !== undefined) return { by: 'hand', key: listenerKey(chosen) }
    const bound = port === undefined ? places[0] : places.find((place) => place.port === port)
    // A port that the kernel chose for it alone; with several listeners of that kind nobody can tell which is which.
    const anyPort = streams.filter((one) => one.port === 0)
    if (bound !== undefined && anyPort.length === 1 && anyPort[0] !== undefined)
      return { by: 'hand', key: listenerKey(anyPort[0]) }
    if (bound !== undefined && bound.port > 0) return { by: 'port', port: bound.port }
    return port === undefined ? undefined : { by: 'port', port }
  }

  return {
    receive(message) {
      if (message.act === 'listen' || message.act === 'offer')
        queries.set(listenerKey(message.query), message.query)
      else if (message.act === 'close') queries.delete(message.key)
      else if (message.act === 'listening' && message.protocol !== 'udp')
        places = [...places, message]
      else if (message.act === 'closed') places = places.filter((place) => !isSame(place, message))
    },
    wayTo: (port) => (places.length === 0 && port === undefined ? undefined : wayTo(port)),
  }
}

function tcpFirst(a: ListenQuery, b: ListenQuery): number {
  return Number(a.port < 0) - Number(b.port < 0)
}

function isSame(a: ListeningAt, b: ListeningAt): boolean {
  return a.address === b.address && a.port === b.port
}
