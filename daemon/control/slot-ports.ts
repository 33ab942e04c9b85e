/** Which ports slots may have: below those that the kernel gives to outgoing connections, and nobody else's. */

import { readFileSync } from 'node:fs'

import type { AppRecord, AppSpec } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'

const FIRST_BASE = 21_001
/** Apps that leave the choice to the daemon are so far apart. */
const BLOCK = 100
/** What IANA gives to outgoing connections, where the kernel does not tell. */
const USUAL_EPHEMERAL = 49_152

export interface PortFacts {
  /** First port of outgoing connections. */
  ephemeralFrom: number
  /** Ports that somebody listens at. */
  listening: ReadonlySet<number>
}

export function readPortFacts(): PortFacts {
  const range = readText('/proc/sys/net/ipv4/ip_local_port_range')
  return {
    ephemeralFrom: Number(/^\d+/.exec(range)?.[0] ?? USUAL_EPHEMERAL),
    listening: new Set(
      ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) => listeningPorts(readText(table))),
    ),
  }
}

const LISTEN_STATE = '0A'

function listeningPorts(table: string): number[] {
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state] = line.trim().split(/\s+/)
    return state === LISTEN_STATE ? [Number.parseInt(local.split(':')[1] ?? '', 16)] : []
  })
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return '' // no Linux
  }
}

interface Block {
  first: number
  last: number
}

/** A block that the daemon chose is the app's as a whole: it may be scaled without a look at its neighbours. */
function blockOf({ spec, slots, slotBase }: AppRecord): Block | undefined {
  const { slots: given } = spec
  if (given?.at.type !== 'tcp') return undefined
  const isChosen = given.at.base === 0
  const first = isChosen ? slotBase : given.at.base
  if (first === undefined) return undefined
  const numbers = slots.map(({ number }) => number + 1)
  const count = Math.max(isChosen ? BLOCK : 0, given.max, spec.instances, ...numbers)
  return { first, last: first + count - 1 }
}

const overlaps = (a: Block, b: Block): boolean => a.first <= b.last && b.first <= a.last

/**
 * Gives an app whose slots have no base one, once; it is kept from then on.
 * @param read only called when a base must be chosen
 */
export function withSlotBase(
  record: AppRecord,
  apps: readonly AppRecord[],
  read: () => PortFacts,
): AppRecord {
  const { slots } = record.spec
  if (slots?.at.type !== 'tcp' || slots.at.base !== 0 || record.slotBase !== undefined)
    return record
  const kept = apps.find(({ key }) => key === record.key)?.slotBase
  if (kept !== undefined) return { ...record, slotBase: kept }
  const facts = read()
  const taken = apps.filter(({ key }) => key !== record.key).flatMap((app) => blockOf(app) ?? [])
  const size = Math.max(BLOCK, slots.max, record.spec.instances)
  for (let first = FIRST_BASE; first + size <= facts.ephemeralFrom; first += BLOCK) {
    const block = { first, last: first + size - 1 }
    const isFree =
      !taken.some((other) => overlaps(block, other)) &&
      ![...facts.listening].some((port) => port >= block.first && port <= block.last)
    if (isFree) return { ...record, slotBase: first }
  }
  throw new LbmError(
    'OPERATION_FAILED',
    `No ${size} ports in a row are free for the slots of "${record.spec.name}".`,
    {
      hint: 'say where they begin (slots.base), or use Unix sockets (slots.dir)',
    },
  )
}

export interface SlotsCheck {
  spec: AppSpec
  /** Instances that there are to be. */
  count: number
  /** What the daemon chose for this app before. */
  slotBase: number | undefined
  others: readonly AppRecord[]
}

/** @throws LbmError CONFIG_INVALID for slots that cannot work */
export function checkSlots(
  { spec, count, slotBase, others }: SlotsCheck,
  read: () => PortFacts,
): void {
  const { slots, name } = spec
  if (slots === undefined) return
  if (spec.runtime !== 'node') {
    throw new LbmError(
      'CONFIG_INVALID',
      `"${name}": slots are for Node programs; this one listens by itself.`,
      {
        hint: 'give its instances ports of their own (increment_var: "PORT")',
      },
    )
  }
  if (slots.only === true && spec.mode === 'fork') {
    throw new LbmError(
      'CONFIG_INVALID',
      `"${name}": slots.only is for cluster mode; in fork mode a program binds its port itself.`,
      { hint: 'leave it out, or give the app exec_mode: "cluster"' },
    )
  }
  if (slots.at.type !== 'tcp') return
  const first = slots.at.base === 0 ? slotBase : slots.at.base
  if (first === undefined) return
  const last = first + Math.max(slots.max, count) - 1
  const { ephemeralFrom } = read()
  if (last >= ephemeralFrom || last > 65_535) {
    throw new LbmError(
      'CONFIG_INVALID',
      `"${name}": its slots would be at the ports ${first} to ${last}; from ${ephemeralFrom} on, ports are given to outgoing connections, which would take them away.`,
      { hint: `choose a slots.base below ${ephemeralFrom - Math.max(slots.max, count)}` },
    )
  }
  const other = others.find((record) => {
    const block = blockOf(record)
    return block !== undefined && overlaps(block, { first, last })
  })
  if (other !== undefined) {
    throw new LbmError(
      'CONFIG_INVALID',
      `"${name}": its slots at ${first} to ${last} are those of "${other.spec.name}", too.`,
      {
        hint: 'choose another slots.base, or leave the choice to the daemon: "slots": true',
      },
    )
  }
}
