/** PM2's bus: events of apps, their messages and their output, under PM2's names. */

import { EventEmitter } from 'node:events'
import { statSync } from 'node:fs'

import type { AppDetail } from '../../contract/api.ts'
import type { LbmEvent } from '../../contract/events.ts'
import type { HomePaths } from '../../contract/home.ts'
import { openConnection } from '../connection.ts'
import { createFollower, type Follower } from '../logs/follow.ts'
import { type LogSource, sourcesOf } from '../logs/sources.ts'
import type { Pm2Process } from '../pm2-process.ts'
import { packetOf } from './bus-packet.ts'
import { processesOfApps } from './descriptors.ts'

type Listener = (...args: never[]) => void

export interface Bus {
  /** `process:event`, `log:out`, the `type` of an app's message, or a pattern: what `*` stands for comes first then. */
  on(event: string, listener: Listener): Bus
  off(event: string, listener?: Listener): Bus
  close(): void
}

export interface BusSource {
  home: HomePaths
  describe: (selectors: string[]) => Promise<AppDetail[]>
}

interface Subscription {
  event: string
  pattern: RegExp
  listener: (...args: unknown[]) => void
}

/** `socket` emits `close` when the daemon has ended. @throws LbmError DAEMON_UNREACHABLE */
export async function launchBus(source: BusSource): Promise<{ bus: Bus; socket: EventEmitter }> {
  const socket = new EventEmitter()
  let subscriptions: Subscription[] = []
  const emit = (name: string, packet: unknown): void => {
    for (const { pattern, listener } of subscriptions) {
      const match = pattern.exec(name)
      if (match !== null) listener(...match.slice(1), packet)
    }
  }
  // One event after the other, since each is completed by what the daemon knows of its process.
  let inOrder = Promise.resolve()
  const onNotification = (method: string, params: unknown): void => {
    if (method !== 'event') return
    inOrder = inOrder.then(() => tell(params as LbmEvent))
  }
  const known = new Map<number, Pm2Process>()
  const connection = await openConnection({ socketPath: source.home.socket, onNotification })
  await connection.request('events.subscribe', { selectors: ['all'] })
  const follower = createFollower()
  let isClosed = false

  async function tell(event: LbmEvent): Promise<void> {
    if (isClosed) return
    if (event.type === 'instance.started') await followNew(0)
    const packet = 'id' in event ? await packetOf(event, processOf) : undefined
    // What was printed before the event is told before it.
    follower.drain()
    if (packet !== undefined) emit(packet.name, packet.packet)
  }

  async function processOf(id: number): Promise<Pm2Process | undefined> {
    const apps = await source.describe([String(id)]).catch(() => [])
    const found = processesOfApps(apps, source.home).find(({ pm_id }) => pm_id === id)
    if (found !== undefined) known.set(id, found)
    return found ?? known.get(id)
  }

  async function followNew(position: number | 'end'): Promise<void> {
    const apps = await source.describe(['all']).catch(() => [])
    for (const process of processesOfApps(apps, source.home)) known.set(process.pm_id, process)
    for (const log of sourcesOf(apps, source.home, { out: true, err: true }))
      follow(follower, log, position, apps, emit)
  }

  function close(): void {
    if (isClosed) return
    isClosed = true
    follower[Symbol.dispose]()
    connection[Symbol.dispose]()
  }

  await followNew('end')
  void connection.closed.then(() => {
    if (!isClosed) emit('pm2:kill', { status: 'killed', msg: 'the daemon has ended' })
    close()
    socket.emit('close')
  })

  const bus: Bus = {
    on(event, listener) {
      subscriptions.push({ event, pattern: patternOf(event), listener: listener as never })
      return bus
    },
    off(event, listener) {
      subscriptions = subscriptions.filter(
        (one) =>
          one.event !== event || (listener !== undefined && one.listener !== (listener as never)),
      )
      return bus
    },
    close,
  }
  return { bus, socket: Object.assign(socket, { close }) }
}

/** `log:*` → the part behind the colon is the listener's first argument. */
function patternOf(event: string): RegExp {
  const parts = event.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('(.+)')}$`)
}

function follow(
  follower: Follower,
  { path, stream, app, namespace, id }: LogSource,
  position: number | 'end',
  apps: readonly AppDetail[],
  emit: (name: string, packet: unknown) => void,
): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const first = apps.find(({ record }) => record.spec.name === app)?.instances[0]
  const process = { pm_id: id ?? first?.id, name: app, rev: null, namespace }
  follower.add({
    path,
    position: position === 'end' ? size : position,
    onLine: (line) => emit(`log:${stream}`, { process, at: Date.now(), data: `${line}\n` }),
  })
}
