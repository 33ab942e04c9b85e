/** Whether a spare has done everything but be chosen. Pure. */

import type { ListeningAt } from '../../../src/contract/instance.ts'

export interface Heard {
  /** Loaded, and a moment has passed in which it might have listened. */
  isQuiet: boolean
  /** `process.send('ready')`, or its readiness probe's success. */
  hasSaidReady: boolean
  listening: readonly ListeningAt[]
  /** UDP ports that it wants: bound when it is chosen, since a datagram comes to whoever has the socket. */
  wantsDatagrams: boolean
}

export interface Asked {
  /** Where the instances listen. */
  places: readonly ListeningAt[]
  /** A generation of the app has listened. */
  listens: boolean
  /** It is ready when it says so, or its probe does. */
  awaitsWord: boolean
}

export function isPrepared(heard: Heard, { places, listens, awaitsWord }: Asked): boolean {
  if (awaitsWord && !heard.hasSaidReady) return false
  // Another process of the app would get another port.
  const fixed = places.filter(({ random }) => random !== true)
  if (fixed.length > 0) return fixed.every((place) => hasPlace(heard, place))
  if (listens) return heard.listening.length > 0 || heard.wantsDatagrams
  return awaitsWord || heard.isQuiet
}

function hasPlace({ listening, wantsDatagrams }: Heard, { address, port }: ListeningAt): boolean {
  if (address.startsWith('udp:')) return wantsDatagrams
  return listening.some((own) => own.port === port && (port >= 0 || own.address === address))
}
