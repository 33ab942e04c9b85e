/** All supervisors of a home: who hosts which app, their adoption, and what a replaced one is given. */

import type { UpgradedSupervisor } from '../../src/contract/api.ts'
import { type AppRecord, isScheduledJob } from '../../src/contract/app.ts'
import { isLbmError, LbmError } from '../../src/contract/errors.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import type { ParamsOf, ResultOf } from '../../src/contract/rpc.ts'
import type { SupervisorApi } from '../../src/contract/supervisor.ts'
import type { Hello } from '../../src/contract/version.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { desiredRunning } from './definitions.ts'
import { type InstanceCache, isActive, lostWithSupervisor } from './instance-cache.ts'
import { listSupervisors, type OwnedInstance, pause } from './ownership.ts'
import type { ActualApp } from './reconcile.ts'
import { supervisorIdOf } from './supervisor-id.ts'
import {
  createSupervisorLink,
  type Spawned,
  type SupervisorLink,
  type SupervisorPeer,
} from './supervisor-link.ts'

type Counters = Pick<InstanceState, 'restarts' | 'unstableRestarts'>
type Method = keyof SupervisorApi

const SNAPSHOT_MS = 5000
const PUT_MS = 10_000
/** The list must soon be whole; a supervisor that is slower is adopted when it answers. */
const ADOPTION_MS = 2000
/** Beyond the listen_timeout of the slowest app. */
const UPGRADE_MS = 45_000

export interface SupervisorsOptions {
  runDir: string
  hello: Hello
  clock: Clock
  log: Log
  spawn: (id: string) => Spawned
  instances: InstanceCache
  find: (key: string) => AppRecord | undefined
  onListens: (key: string) => void
  /** A supervisor that was slow to answer turned out to host apps. */
  onFound: (apps: ActualApp[]) => void
  onEvent: (event: LbmEvent) => void
}

export interface AdoptOptions {
  /** Not this one: the request for what it has is on its way. */
  except: string | undefined
}

export interface Supervisors {
  /** Finds the supervisors that run, and what they host; cleans up after those that do not. */
  adopt(how: AdoptOptions): Promise<ActualApp[]>
  /** Gives the app's supervisor the record, starting it if need be. */
  put(record: AppRecord): Promise<void>
  /** Ends the app; its supervisor too, where it hosts nothing else. */
  drop(record: AppRecord, timeoutMs: number): Promise<ResultOf<SupervisorApi, 'app.drop'>>
  /** A request about an app, which its supervisor gets first if it does not have it. */
  call<M extends Method>(
    record: AppRecord,
    method: M,
    params: ParamsOf<SupervisorApi, M>,
    timeoutMs: number,
  ): Promise<ResultOf<SupervisorApi, M>>
  /** To every supervisor that is connected now. */
  callEach<M extends Method>(
    method: M,
    params: ParamsOf<SupervisorApi, M>,
    timeoutMs: number,
  ): Promise<ResultOf<SupervisorApi, M>[]>
  /** True when a supervisor has the app. */
  hosts(key: string): boolean
  /** The supervisor that should host it. */
  idOf(record: AppRecord): string
  dropAt(supervisor: string, key: string, timeoutMs: number): Promise<void>
  /** Replaces each by its successor of the installed version, one after another. */
  upgradeAll(program: string): Promise<UpgradedSupervisor[]>
  shutDownAll(timeoutMs: number): Promise<void>
  leaveAll(): void
}

export function createSupervisors(options: SupervisorsOptions): Supervisors {
  const { runDir, clock, log, instances } = options
  const links = new Map<string, SupervisorLink>()
  const ending = new Map<string, Promise<void>>()
  /** Apps that a supervisor has, or must have again after its death. */
  const hostOf = new Map<string, string>()
  /** Definitions on their way, by supervisor: it is not idle. */
  const pending = new Map<string, number>()
  let adopted: ActualApp[] | undefined
  /** Of instances whose supervisor ended together with the daemon, by id, until they are started anew. */
  const counters = new Map<number, Counters>()

  const idOf = (record: AppRecord): string => supervisorIdOf(record.key, record.spec, runDir)
  const hostedBy = (id: string): AppRecord[] =>
    [...hostOf]
      .filter(([, host]) => host === id)
      .map(([key]) => options.find(key))
      .filter((record) => record !== undefined)

  async function link(id: string): Promise<SupervisorLink> {
    await ending.get(id)
    const existing = links.get(id)
    if (existing !== undefined) return existing
    const created = createSupervisorLink({
      id,
      runDir,
      hello: options.hello,
      clock,
      log,
      spawn: options.spawn,
      prepare: (peer, isNew) => prepare(id, peer, isNew),
      onNotification: (method, params) => receive(id, method, params),
      onLost: () => markLost(id),
      onDead: (owned) => owned.forEach(rememberCounters),
      isNeeded: () => hostedBy(id).length > 0,
    })
    links.set(id, created)
    return created
  }

  /** A new supervisor gets back the apps of the one that died, and starts what ran or was about to. */
  async function prepare(id: string, peer: SupervisorPeer, isNew: boolean): Promise<void> {
    const records = hostedBy(id)
    const present = isNew ? [] : await takeSnapshot(id, peer)
    for (const record of records.filter(({ key }) => !present.includes(key))) {
      await restore(record, peer)
    }
  }

  async function takeSnapshot(id: string, peer: SupervisorPeer): Promise<string[]> {
    const { apps } = await peer.request('supervisor.snapshot', {}, { timeoutMs: SNAPSHOT_MS })
    const found: ActualApp[] = []
    for (const app of apps) {
      const { key, spec } = app.record
      if (hostOf.get(key) !== id) found.push({ supervisor: id, ...app })
      if (!hostOf.has(key) && supervisorIdOf(key, spec, runDir) === id) hostOf.set(key, id)
      if (hostOf.get(key) === id) app.instances.forEach(instances.update)
    }
    if (adopted !== undefined) adopted.push(...found)
    else if (found.length > 0) options.onFound(found)
    return apps.map(({ record }) => record.key)
  }

  async function restore(record: AppRecord, peer: SupervisorPeer): Promise<void> {
    const { key } = record
    const states = instances.of(record)
    // A run that was cut off is not made up for: the next one is on its schedule.
    const running = isScheduledJob(record.spec) ? [] : desiredRunning(record)
    const ids = states
      .filter((state) => isActive(state) && running.includes(state.id))
      .map((state) => state.id)
    const known = states.map((state) => lostWithSupervisor(state, clock.wall()))
    try {
      await peer.request('app.put', { record: forSupervisor(record), known }, { timeoutMs: PUT_MS })
      if (ids.length === 0) return
      const start = { key, ids, wait: false, rollBack: false }
      await peer.request('instances.start', start, { timeoutMs: PUT_MS })
    } catch (error) {
      if (isLbmError(error) && error.code === 'DAEMON_UNREACHABLE') throw error
      // One that cannot be brought back keeps none of the others from coming back.
      log('app.not-restored', { app: key, message: (error as Error).message })
    }
  }

  /** Shown until the successor speaks. */
  function markLost(id: string): void {
    for (const record of hostedBy(id)) {
      for (const state of instances.of(record).filter(isActive)) {
        instances.update({ ...lostWithSupervisor(state, clock.wall()), phase: 'backoff' })
      }
    }
  }

  function receive(id: string, method: string, params: unknown): void {
    // From a process of ours, whose protocol was checked.
    if (method === 'instance.changed') {
      const state = params as InstanceState
      if (hostOf.get(state.app) === id) instances.update(state)
    } else if (method === 'instance.removed') {
      instances.remove((params as { id: number }).id)
    } else if (method === 'app.listens') {
      options.onListens((params as { app: string }).app)
    } else if (method === 'event') {
      options.onEvent(params as LbmEvent)
    }
  }

  function rememberCounters({ id, restarts = 0, unstableRestarts = 0 }: OwnedInstance): void {
    if (id !== undefined && restarts > 0 && instances.find(id) === undefined)
      counters.set(id, { restarts, unstableRestarts })
  }

  /** What the new supervisor is to know of instances that had another one. */
  function knownOf(record: AppRecord): InstanceState[] {
    return instances.of(record).flatMap((state) => {
      const counted = counters.get(state.id)
      counters.delete(state.id)
      return counted === undefined ? [] : [{ ...state, ...counted, phase: 'stopped' as const }]
    })
  }

  async function put(record: AppRecord): Promise<void> {
    const id = idOf(record)
    pending.set(id, (pending.get(id) ?? 0) + 1)
    try {
      // The caller's may be older than what was chosen for the app meanwhile.
      const { slotBase } = options.find(record.key) ?? record
      const chosen = slotBase === undefined ? record : { ...record, slotBase }
      const known = knownOf(record)
      const params = { record: forSupervisor(chosen), ...(known.length === 0 ? {} : { known }) }
      const result = await (await link(id)).request('app.put', params, PUT_MS)
      hostOf.set(record.key, id)
      if (options.find(record.key) !== undefined) {
        result.instances.forEach(instances.update)
        return
      }
    } finally {
      pending.set(id, (pending.get(id) ?? 1) - 1)
    }
    // It was deleted while it was on its way, where nobody could end it yet.
    await dropAt(id, record.key, PUT_MS)
    throw new LbmError('APP_NOT_FOUND', `${record.spec.name} was deleted meanwhile.`)
  }

  /** Ends a supervisor that hosts nothing. A command that comes meanwhile waits, and starts the next one. */
  function endIfIdle(id: string): void {
    const idle = links.get(id)
    const isIdle = ![...hostOf.values()].includes(id) && (pending.get(id) ?? 0) === 0
    if (idle === undefined || !isIdle) return
    links.delete(id)
    const ended = idle.shutDown(PUT_MS).finally(() => ending.delete(id))
    ending.set(id, ended)
  }

  async function dropAt(id: string, key: string, timeoutMs: number): Promise<void> {
    await (await link(id)).request('app.drop', { key }, timeoutMs)
    if (hostOf.get(key) === id) hostOf.delete(key)
    endIfIdle(id)
  }

  return {
    async adopt({ except }) {
      adopted = []
      const ids = listSupervisors(runDir).filter((id) => id !== except)
      const all = ids.map(async (id) => {
        try {
          const found = await link(id)
          if (!(await found.adopt())) links.delete(id)
        } catch (error) {
          log('supervisor.not-adopted', { supervisor: id, message: (error as Error).message })
        }
      })
      await Promise.race([Promise.all(all), pause(ADOPTION_MS, clock)])
      const apps = adopted
      adopted = undefined
      return apps
    },
    put,
    async drop(record, timeoutMs) {
      const id = hostOf.get(record.key)
      if (id === undefined) return { outcomes: [] }
      const result = await (await link(id)).request('app.drop', { key: record.key }, timeoutMs)
      hostOf.delete(record.key)
      endIfIdle(id)
      return result
    },
    async call(record, method, params, timeoutMs) {
      if (!hostOf.has(record.key)) await put(record)
      const id = hostOf.get(record.key) ?? idOf(record)
      return (await link(id)).request(method, params, timeoutMs)
    },
    callEach: (method, params, timeoutMs) =>
      Promise.all(
        [...links.values()]
          .filter((one) => one.isConnected())
          .map((one) => one.request(method, params, timeoutMs)),
      ),
    hosts: (key) => hostOf.has(key),
    idOf,
    dropAt,
    async upgradeAll(program) {
      const upgraded: UpgradedSupervisor[] = []
      for (const one of [...links.values()].filter((other) => other.isConnected())) {
        const slowest = hostedBy(one.id).map(({ spec }) => spec.listenTimeoutMs)
        try {
          const { pid } = await one.upgrade(program, Math.max(0, ...slowest) + UPGRADE_MS)
          upgraded.push({ id: one.id, pid })
        } catch (error) {
          upgraded.push({ id: one.id, error: (error as Error).message })
        }
      }
      return upgraded
    },
    async shutDownAll(timeoutMs) {
      hostOf.clear()
      await Promise.all([...links.values()].map((one) => one.shutDown(timeoutMs)))
      await Promise.all(ending.values())
      links.clear()
    },
    leaveAll() {
      for (const one of links.values()) one.leave()
    },
  }
}

/** The definition before this one is the daemon's to keep. */
function forSupervisor(record: AppRecord): AppRecord {
  const copy = { ...record }
  delete copy.previous
  return copy
}
