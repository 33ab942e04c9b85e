/** What a supervisor has while it serves under its name: the socket, the file of what it owns, and a daemon beside it. */

import { join } from 'node:path'

import { FOREGROUND_ENV } from '../../src/contract/foreground.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import type { Implementation } from '../../src/contract/rpc.ts'
import { checkedMethods, supervisorSchemas } from '../../src/contract/schemas.ts'
import type { SupervisorApi, SupervisorNotifications } from '../../src/contract/supervisor.ts'
import { PROTOCOL } from '../../src/contract/version.ts'
import type { Clock } from '../kernel/clock.ts'
import { describeBug, type Log } from '../kernel/log.ts'
import { onceATurn } from '../kernel/once-a-turn.ts'
import { pidStart } from '../kernel/process-identity.ts'
import { type RpcServer, serveRpc } from '../kernel/rpc-server.ts'
import { type DaemonKeeper, keepDaemon } from './daemon-keeper.ts'
import { type OwnedInstance, type OwnershipFile, ownershipFile } from './ownership-file.ts'

/** A daemon asks for all apps at once: `stop all`. */
const MAX_IN_FLIGHT = 100_000

export interface Serving {
  /** Takes the name. Resolves when it listens. */
  begin(methods: Implementation<SupervisorApi>): Promise<void>
  /** To whoever is connected; to nobody before it serves. */
  broadcast<N extends keyof SupervisorNotifications>(
    name: N,
    params: SupervisorNotifications[N],
  ): void
  /** Writes down what it owns, while the name is its own. */
  recordProcesses(): void
  /** From now on it may be without a daemon. */
  dismissDaemon(): void
  /** It owns nothing any more. */
  removeRecord(): void
  /** Leaves the name to a successor, and what is on record with it. */
  leave(): void
  /** @returns undefined where it does not serve */
  close(): Promise<void> | undefined
}

export interface ServingOptions {
  id: string
  home: HomePaths
  logFd: number
  log: Log
  clock: Clock
  owned: () => OwnedInstance[]
  /** The daemon of a foreground run is gone: it was the run. */
  onRunEnded: () => void
}

export function createServing(options: ServingOptions): Serving {
  const { id, home, logFd, log, clock, owned, onRunEnded } = options
  let server: RpcServer | undefined
  let ownership: OwnershipFile | undefined
  let keeper: DaemonKeeper | undefined

  const record = (): void => ownership?.update(owned())
  /** Instances that start together are one record, and that of 500 is long. */
  const recordProcesses = onceATurn(record)

  async function begin(methods: Implementation<SupervisorApi>): Promise<void> {
    ownership = ownershipFile(join(home.runDir, `${id}.json`), {
      id,
      pid: process.pid,
      pidStart: pidStart(process.pid),
      version: __LBM_VERSION__,
      clock,
      onFailed: (message) => log('ownership.not-written', { message }),
    })
    record()
    const keeping = keepDaemon({
      socket: home.socket,
      daemonPath: join(__dirname, 'daemon.cjs'),
      home: home.root,
      logFd,
      clock,
      random: Math.random,
      log,
    })
    keeper = keeping
    let daemons = 0
    server = await serveRpc({
      path: join(home.runDir, `${id}.sock`),
      hello: { protocol: PROTOCOL, version: __LBM_VERSION__, role: 'supervisor', pid: process.pid },
      methods: checkedMethods(supervisorSchemas, methods),
      onConnection(connection) {
        daemons += 1
        keeping.connected()
        void connection.closed.then(() => {
          daemons -= 1
          if (daemons > 0) return
          if (process.env[FOREGROUND_ENV] === undefined) keeping.lost()
          else onRunEnded()
        })
      },
      onNotification(method, params) {
        if (method === 'daemon.leaving') keeping.pauseFor((params as { pauseMs: number }).pauseMs)
      },
      onBug: (error) => log('bug', { message: describeBug(error) }),
      clock,
      limits: { inFlight: MAX_IN_FLIGHT },
    })
  }

  return {
    begin,
    broadcast: (name, params) => server?.broadcast(name, params),
    recordProcesses,
    dismissDaemon: () => keeper?.[Symbol.dispose](),
    removeRecord() {
      ownership?.remove()
      ownership = undefined
    },
    leave() {
      keeper?.[Symbol.dispose]()
      const left = server
      server = undefined
      ownership?.[Symbol.dispose]()
      ownership = undefined
      // The answer to whoever asked for the upgrade goes first.
      setImmediate(() => void left?.[Symbol.asyncDispose]())
    },
    close: () => server?.[Symbol.asyncDispose](),
  }
}
