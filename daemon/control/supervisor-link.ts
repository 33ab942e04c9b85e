/** The daemon's side of one supervisor: starts it, connects, and replaces it when it dies. */

import { join } from 'node:path'

import { isLbmError, LbmError } from '../../src/contract/errors.ts'
import type { ParamsOf, ResultOf } from '../../src/contract/rpc.ts'
import type { SupervisorApi } from '../../src/contract/supervisor.ts'
import type { Monotonic } from '../../src/contract/units.ts'
import { type Hello, isCompatible } from '../../src/contract/version.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { isSameProcess } from '../kernel/process-identity.ts'
import { signalPid } from '../kernel/process-tree.ts'
import { type ConnectedPeer, connectRpc } from '../kernel/rpc-client.ts'
import {
  endLeftovers,
  isRunning,
  noteStarted,
  type OwnedInstance,
  pause,
  readOwnership,
  removeFiles,
  untilProcessGone,
} from './ownership.ts'

type Method = keyof SupervisorApi
export type SupervisorPeer = ConnectedPeer<SupervisorApi>

/** A new supervisor listens some 100 ms after its spawn; a busy machine needs longer. */
const CONNECT_MS = 10_000
const RETRY_MS = 5
/** How long a command waits for a supervisor that keeps dying, in all. */
const READY_MS = 15_000
/** Connected this long, a supervisor was well: the next loss is the first again. */
const STABLE_MS = 10_000
const FIRST_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 30_000
const EXIT_MS = 5000
/** A supervisor starts no daemon by itself for so long, since one is on its way. */
const SUCCESSION_MS = 5000
/** What comes to the same when the successor of a dead supervisor is asked again. */
const REPEATABLE: ReadonlySet<Method> = new Set<Method>([
  'supervisor.snapshot',
  'app.put',
  'app.drop',
  'app.balance',
  'instances.start',
  'instances.stop',
  'instances.restart',
  'instances.remove',
  'instances.reset',
  'logs.flush',
  'logs.reopen',
])
const MAX_TRIES = 3

/** A process that was asked to start. */
export interface Spawned {
  /** Undefined when it could not be started. */
  pid: number | undefined
  /** Resolves with why, when it ended or could not be started. */
  ended: Promise<string>
}

export interface SupervisorLinkOptions {
  id: string
  runDir: string
  hello: Hello
  clock: Clock
  log: Log
  spawn: (id: string) => Spawned
  /** Gives a supervisor its apps, before any other request; `isNew`: it has none yet. */
  prepare: (peer: SupervisorPeer, isNew: boolean) => Promise<void>
  onNotification: (method: string, params: unknown) => void
  onLost: () => void
  /** What one that died owned, before it is forgotten. */
  onDead: (instances: readonly OwnedInstance[]) => void
  /** False: nobody wants a successor. */
  isNeeded: () => boolean
}

export interface SupervisorLink {
  readonly id: string
  /** Starts the supervisor where it does not run. */
  request<M extends Method>(
    method: M,
    params: ParamsOf<SupervisorApi, M>,
    timeoutMs: number,
  ): Promise<ResultOf<SupervisorApi, M>>
  /** Connects to one that an earlier daemon started. @returns false when there is none */
  adopt(): Promise<boolean>
  isConnected(): boolean
  /** Ends its instances and itself. */
  shutDown(timeoutMs: number): Promise<void>
  /** Puts a successor, `node <program>`, in its place; resolves when that one is connected. */
  upgrade(program: string, timeoutMs: number): Promise<{ pid: number }>
  /** Lets go of it; it goes on, and leaves time for this daemon's successor. */
  leave(): void
}

export function createSupervisorLink(options: SupervisorLinkOptions): SupervisorLink {
  const { id, runDir, clock, log } = options
  let peer: SupervisorPeer | undefined
  let connecting: Promise<SupervisorPeer> | undefined
  let failures = 0
  let isEnding = false
  /** The connection will end since a successor is in place. */
  let isSucceeded = false
  /** Ends the wait between two tries: who asks is told soon, be it that it fails again. */
  let hurry = (): void => undefined

  function ready(): Promise<SupervisorPeer> {
    if (peer !== undefined) return Promise.resolve(peer)
    if (isEnding) throw gone(id)
    connecting ??= establish().finally(() => {
      connecting = undefined
    })
    return connecting
  }

  async function establish(): Promise<SupervisorPeer> {
    if (failures > 0) await backOff(Math.min(FIRST_BACKOFF_MS * 2 ** failures, MAX_BACKOFF_MS))
    const isNew = !isRunning(readOwnership(runDir, id))
    try {
      const spawned = isNew ? await start() : undefined
      const connected = await connect(spawned)
      try {
        await options.prepare(connected, isNew)
      } catch (error) {
        connected[Symbol.dispose]()
        throw error
      }
      peer = connected
      void watch(connected, clock.now())
      return connected
    } catch (error) {
      failures += 1
      throw error
    }
  }

  function backOff(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = clock.at(after(clock.now(), ms), resolve)
      hurry = () => {
        timer[Symbol.dispose]()
        resolve()
      }
    })
  }

  async function start(): Promise<Spawned> {
    await cleanUp()
    const spawned = options.spawn(id)
    if (spawned.pid !== undefined) noteStarted(runDir, id, spawned.pid)
    log('supervisor.spawned', { supervisor: id, pid: spawned.pid })
    return spawned
  }

  async function cleanUp(): Promise<void> {
    const dead = readOwnership(runDir, id)
    if (dead !== undefined) options.onDead(dead.instances)
    const ended = dead === undefined ? 0 : await endLeftovers(dead, clock)
    if (ended > 0) log('supervisor.leftovers-ended', { supervisor: id, processes: ended })
    // One that a command started in advance may have come meanwhile.
    if (!isRunning(readOwnership(runDir, id))) removeFiles(runDir, id)
  }

  async function connect(spawned: Spawned | undefined): Promise<SupervisorPeer> {
    let ended: string | undefined
    void spawned?.ended.then((why) => (ended = why))
    const deadline = after(clock.now(), CONNECT_MS)
    for (;;) {
      try {
        return await connectOnce(Math.max(RETRY_MS, deadline - clock.now()))
      } catch (error) {
        const isLate = clock.now() >= deadline
        if (
          isLate ||
          ended !== undefined ||
          (spawned === undefined && !isRunning(readOwnership(runDir, id)))
        ) {
          throw new LbmError(
            'OPERATION_FAILED',
            `The supervisor ${id} ${ended ?? 'does not answer'}.`,
            {
              cause: error,
              hint: 'daemon.log in LBM_HOME says more',
            },
          )
        }
      }
      await pause(RETRY_MS, clock)
    }
  }

  async function connectOnce(timeoutMs: number): Promise<SupervisorPeer> {
    const connected = await connectRpc<SupervisorApi>({
      path: join(runDir, `${id}.sock`),
      hello: options.hello,
      onNotification: options.onNotification,
      onBug: (error) => log('bug', { message: String(error) }),
      timeoutMs,
      clock,
    })
    const remote = connected.remote()
    if (remote === undefined || isCompatible(remote)) return connected
    // It cannot be spoken to, and its apps are wanted: a new one takes them over.
    log('supervisor.incompatible', { supervisor: id, version: remote.version })
    connected[Symbol.dispose]()
    const owner = readOwnership(runDir, id)
    if (isRunning(owner)) signalPid(owner.pid, 'SIGKILL')
    throw gone(id)
  }

  async function watch(connected: SupervisorPeer, since: Monotonic): Promise<void> {
    await connected.closed
    if (peer === connected) peer = undefined
    if (isEnding || isSucceeded) return
    failures = clock.now() - since >= STABLE_MS ? 0 : failures + 1
    log('supervisor.lost', { supervisor: id })
    options.onLost()
    await recover()
  }

  async function recover(): Promise<void> {
    const isWanted = (): boolean => !isEnding && options.isNeeded()
    while (isWanted()) {
      try {
        await ready()
        return
      } catch (error) {
        log('supervisor.not-replaced', { supervisor: id, message: (error as Error).message })
      }
    }
  }

  async function request<M extends Method>(
    method: M,
    params: ParamsOf<SupervisorApi, M>,
    timeoutMs: number,
  ): Promise<ResultOf<SupervisorApi, M>> {
    // However often it is asked: whoever waits for the answer waits so long in all.
    const deadline = after(clock.now(), timeoutMs)
    let patienceMs = READY_MS
    for (let tries = REPEATABLE.has(method) ? MAX_TRIES : 1; ; tries -= 1) {
      const since = clock.now()
      const coming = ready()
      hurry()
      const connected = await within(Math.max(1, patienceMs), coming)
      patienceMs -= clock.now() - since
      try {
        const leftMs = Math.max(1, deadline - clock.now())
        return await connected.request(method, params, { timeoutMs: leftMs })
      } catch (error) {
        if (!isLbmError(error) || error.code !== 'DAEMON_UNREACHABLE') throw error
        if (isEnding) throw gone(id)
        const isLost = connected !== peer
        if (!isLost || tries <= 1) throw notAnswered(method, isLost, timeoutMs, error)
      }
    }
  }

  function notAnswered(method: string, isLost: boolean, ms: number, cause: LbmError): LbmError {
    const why = isLost
      ? `ended during ${method}; it is replaced`
      : `did not answer ${method} in ${ms} ms`
    return new LbmError('OPERATION_FAILED', `The supervisor ${id} ${why}.`, { cause })
  }

  async function within<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
    let timer: Disposable | undefined
    const late = new Promise<never>((_, reject) => {
      timer = clock.at(after(clock.now(), timeoutMs), () =>
        reject(
          new LbmError(
            'OPERATION_FAILED',
            `The supervisor ${id} could not be started in ${READY_MS} ms.`,
            {
              hint: 'daemon.log in LBM_HOME says more',
            },
          ),
        ),
      )
    })
    try {
      return await Promise.race([promise, late])
    } finally {
      timer?.[Symbol.dispose]()
    }
  }

  return {
    id,
    request,
    async adopt() {
      if (isRunning(readOwnership(runDir, id))) {
        await ready()
        return true
      }
      await cleanUp()
      return false
    },
    isConnected: () => peer !== undefined,
    async shutDown(timeoutMs) {
      const connected = peer ?? (await connecting?.catch(() => undefined))
      isEnding = true
      const owner = readOwnership(runDir, id)
      try {
        await connected?.request('supervisor.shutdown', {}, { timeoutMs })
      } catch (error) {
        log('supervisor.shutdown-failed', { supervisor: id, message: (error as Error).message })
      }
      if (owner !== undefined && !(await untilProcessGone(owner, EXIT_MS, clock))) {
        log('supervisor.killed', { supervisor: id })
        if (isSameProcess(owner.pid, owner.pidStart)) signalPid(owner.pid, 'SIGKILL')
        await untilProcessGone(owner, EXIT_MS, clock)
      }
      connected?.[Symbol.dispose]()
      await cleanUp()
    },
    async upgrade(program, timeoutMs) {
      const predecessor = await within(READY_MS, ready())
      isSucceeded = true
      try {
        const successor = await predecessor.request(
          'supervisor.upgrade',
          { program },
          { timeoutMs },
        )
        predecessor[Symbol.dispose]()
        await predecessor.closed
        peer = undefined
        await within(READY_MS, ready())
        log('supervisor.upgraded', { supervisor: id, pid: successor.pid })
        return successor
      } finally {
        isSucceeded = false
        // Neither the old one nor a new one: as after a death.
        if (peer === undefined) void recover()
      }
    },
    leave() {
      isEnding = true
      peer?.notify('daemon.leaving', { pauseMs: SUCCESSION_MS })
      peer?.[Symbol.dispose]()
    },
  }
}

function gone(id: string): LbmError {
  return new LbmError('OPERATION_FAILED', `The supervisor ${id} is being ended.`)
}
