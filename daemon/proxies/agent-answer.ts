/** What HAProxy's agent check is told of an instance. Pure. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { InstanceState, Phase } from '../../src/contract/instance.ts'
import { fileName, slotAddress } from '../../src/contract/proxy.ts'
import { percentOf } from './membership.ts'

export interface Asked {
  /** As `fileName` makes it. */
  app: string
  /** An instance number, or the port of a slot or of the app. */
  which: { number: number } | { port: number }
}

/** Reads `api/0`, `api/:21001`. */
export function parseAsked(line: string): Asked | undefined {
  const match = /^([A-Za-z0-9_.-]+)\/(:?)(\d{1,5})$/.exec(line.trim())
  if (match === null) return undefined
  const value = Number(match[3])
  return { app: match[1] ?? '', which: match[2] === ':' ? { port: value } : { number: value } }
}

const ANSWER_OF: Record<Phase, 'up' | 'drain' | 'down'> = {
  starting: 'up',
  ready: 'up',
  backoff: 'up',
  unready: 'drain',
  draining: 'drain',
  stopping: 'drain',
  stopped: 'down',
  errored: 'down',
}

export interface AgentFacts {
  record: AppRecord
  states: readonly InstanceState[]
  leaving: ReadonlySet<number>
  /** Where weights follow the load. */
  loads?: ReadonlyMap<number, number>
}

/**
 * Words of HAProxy's: `ready` takes a `drain` back, `up` a `down`.
 * @param facts undefined when there is no such app
 */
export function agentAnswer({ which }: Asked, facts: AgentFacts | undefined): string {
  if (facts === undefined) return 'down#no such app'
  const { record, states, leaving, loads } = facts
  const number = 'number' in which ? which.number : numberAt(record, which.port)
  // The app's own port is all of its instances.
  const concerned =
    number === undefined ? states : states.filter((state) => state.number === number)
  const words = concerned.map((state) =>
    leaving.has(state.number) ? 'drain' : ANSWER_OF[state.phase],
  )
  const isServing = states.some(({ phase }) => phase === 'ready')
  // While one starts, another one serves its slot; when there is none, nobody does.
  if (words.includes('up') && isServing) {
    const load = number === undefined ? undefined : loads?.get(number)
    return `ready up ${load === undefined ? 100 : percentOf(load)}%`
  }
  return words.includes('drain') ? 'drain' : 'down'
}

function numberAt({ key, spec, slotBase }: AppRecord, port: number): number | undefined {
  const { slots } = spec
  if (slots === undefined) return undefined
  const first = slotAddress(slots, 0, { base: slotBase, app: key })
  if (first.type !== 'tcp') return undefined
  const number = port - first.port
  return number >= 0 && number < 1000 ? number : undefined
}

/** The app that a request names. */
export function isAsked(record: AppRecord, { app }: Asked): boolean {
  return fileName(record.key) === app
}
