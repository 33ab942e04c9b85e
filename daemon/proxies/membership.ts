/** What HAProxy's servers should be, and the commands that make them so. Pure. */

import type { InstanceState, Phase } from '../../src/contract/instance.ts'
import { backendName, serverName } from './haproxy-backend.ts'
import type { LocalServer, ProxiedApp } from './proxied-app.ts'

export type ServerState = 'ready' | 'drain' | 'maint'

export interface WantedServer {
  name: string
  address: LocalServer['address']
  state: ServerState
  /** Per cent of its configured weight; absent: as it is. */
  percent?: number
}

/** What `show servers state` tells of one. */
export interface RuntimeServer {
  name: string
  address: string
  port: number
  state: ServerState
  /** Now, and as configured. */
  weight: number
  configuredWeight: number
}

/**
 * While an instance starts or comes back, another one serves its slot: for the proxy nothing changes. One that is to end, or
 * is not ready, gets no new clients.
 */
const STATE_OF: Record<Phase, ServerState> = {
  starting: 'ready',
  ready: 'ready',
  backoff: 'ready',
  unready: 'drain',
  draining: 'drain',
  stopping: 'drain',
  stopped: 'maint',
  errored: 'maint',
}

export interface Circumstances {
  states: readonly InstanceState[]
  /** Numbers that a command is about to stop. */
  leaving: ReadonlySet<number>
  /** Utilisation of the event loop by instance number, where weights follow it. */
  loads?: ReadonlyMap<number, number>
}

export function wantedServers(
  { servers }: ProxiedApp,
  { states, leaving, loads }: Circumstances,
): WantedServer[] {
  return servers.map(({ number, address, used }) => {
    const phase = states.find((state) => state.number === number)?.phase
    const state = leaving.has(number)
      ? 'drain'
      : used && phase !== undefined
        ? STATE_OF[phase]
        : 'maint'
    const load = loads?.get(number)
    return {
      name: serverName(number),
      address,
      state,
      ...(load === undefined ? {} : { percent: percentOf(load) }),
    }
  })
}

/** A busy loop answers late: its share falls from a half on, to a tenth when it has no time left. */
export function percentOf(loopUtilisation: number): number {
  const free = 1 - Math.min(1, Math.max(0, loopUtilisation))
  return Math.max(10, Math.min(100, Math.round(free * 20) * 10))
}

const FORCED_MAINT = 0x01
const FORCED_DRAIN = 0x08

/** Columns by their names: each version has more of them. */
export function parseServersState(text: string): RuntimeServer[] {
  const lines = text.split('\n')
  const head = lines.find((line) => line.startsWith('# '))
  if (head === undefined) return []
  const columns = head.slice(2).split(' ')
  return lines
    .filter((line) => /^\d+ \S+ /.test(line))
    .map((line) => {
      const cells = line.split(' ')
      const cell = (name: string): string => cells[columns.indexOf(name)] ?? ''
      const admin = Number(cell('srv_admin_state'))
      return {
        name: cell('srv_name'),
        address: cell('srv_addr'),
        port: Number(cell('srv_port')),
        state:
          (admin & FORCED_MAINT) !== 0 ? 'maint' : (admin & FORCED_DRAIN) !== 0 ? 'drain' : 'ready',
        weight: Number(cell('srv_uweight')),
        configuredWeight: Number(cell('srv_iweight')),
      }
    })
}

/** Of this host; those of others are the file's. */
const LOCAL_NAME = /^s\d+$/

/** Weights that differ by less are left as they are. */
const WEIGHT_TOLERANCE = 0.1

/** @returns the commands in order, or undefined when the running one has no place for a server: it needs a reload */
export function commandsFor(
  app: Pick<ProxiedApp, 'id'>,
  wanted: readonly WantedServer[],
  runtime: readonly RuntimeServer[],
): string[] | undefined {
  const commands: string[] = []
  for (const { name, address, state, percent } of wanted) {
    const server = `${backendName(app)}/${name}`
    const now = runtime.find((one) => one.name === name)
    if (now === undefined) {
      if (state === 'maint') continue
      return undefined
    }
    const isMoved = address.type === 'tcp' && now.port !== address.port
    if (address.type === 'tcp' && isMoved && state !== 'maint')
      commands.push(`set server ${server} addr ${address.host} port ${address.port}`)
    if (now.state !== state) commands.push(`set server ${server} state ${state}`)
    if (percent === undefined) continue
    const share = now.configuredWeight === 0 ? 1 : now.weight / now.configuredWeight
    if (Math.abs(share - percent / 100) >= WEIGHT_TOLERANCE)
      commands.push(`set server ${server} weight ${percent}%`)
  }
  const names = wanted.map(({ name }) => name)
  for (const { name, state } of runtime) {
    const isLeftOver = LOCAL_NAME.test(name) && !names.includes(name) && state !== 'maint'
    if (isLeftOver) commands.push(`set server ${backendName(app)}/${name} state maint`)
  }
  return commands
}

/** True when two texts differ in nothing but which local servers there are, and which of them are used. */
export function differInMembershipOnly(before: string, after: string): boolean {
  const a = takeApart(before)
  const b = takeApart(after)
  return (
    a.rest === b.rest &&
    [...a.servers].every(([name, line]) => !b.servers.has(name) || b.servers.get(name) === line)
  )
}

function takeApart(text: string): { rest: string; servers: Map<string, string> } {
  const servers = new Map<string, string>()
  let section = ''
  const rest: string[] = []
  // The first line has the hash of the others.
  for (const line of text.split('\n').slice(1)) {
    if (/^\S/.test(line)) section = line
    const name = /^ +server (s\d+) /.exec(line)?.[1]
    if (name !== undefined) servers.set(`${section} ${name}`, line.replace(/ disabled$/, ''))
    else if (!/^ +server-template s /.test(line)) rest.push(line)
  }
  return { rest: rest.join('\n'), servers }
}
