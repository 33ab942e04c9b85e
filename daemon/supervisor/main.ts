/** Entry of a supervisor: `node supervisor.cjs <id> [--take-over]`, or `--expected`, with LBM_HOME set. Wiring only. */

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import type { LbmEvent } from '../../src/contract/events.ts'
import { FOREGROUND_ENV } from '../../src/contract/foreground.ts'
import { type Appointment, EXPECTED_FLAG } from '../../src/contract/head-start.ts'
import { homePaths } from '../../src/contract/home.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import { checkedMethods, supervisorSchemas } from '../../src/contract/schemas.ts'
import type { SupervisorNotifications } from '../../src/contract/supervisor.ts'
import { TAKEOVER_FLAG } from '../../src/contract/takeover.ts'
import { PROTOCOL } from '../../src/contract/version.ts'
import { systemClock } from '../kernel/clock.ts'
import { type CommandInput, readCommandInput } from '../kernel/command-input.ts'
import { pidStart } from '../kernel/process-identity.ts'
import { holdReserve } from '../kernel/read-patiently.ts'
import { type RpcServer, serveRpc } from '../kernel/rpc-server.ts'
import type { AppHost, HostDeps } from './app-host-port.ts'
import { createAppMessages } from './app-messages.ts'
import { beginAhead } from './begin-ahead.ts'
import { type DaemonKeeper, keepDaemon } from './daemon-keeper.ts'
import { createOomLedger } from './health/deaths/kernel-oom.ts'
import { createNotifyHub } from './health/notify/notify-hub.ts'
import { createHooks } from './hooks/hooks.ts'
import { createLogFilesRegistry } from './logs/log-files-registry.ts'
import { createLogPipes } from './logs/log-pipe.ts'
import { allOwned, supervisorMethods } from './methods.ts'
import { claimName, type OwnershipFile, ownershipFile } from './ownership-file.ts'
import { handOver } from './takeover/hand-over.ts'
import { takeOver } from './takeover/take-over.ts'

/** What the last ends set off may take so long at the supervisor's own end. */
const HOOKS_GRACE_MS = 2000

async function main(): Promise<void> {
  const [, , word, flag] = process.argv
  const root = process.env['LBM_HOME']
  if (word === undefined || root === undefined) {
    throw new Error('usage: LBM_HOME=<folder> node supervisor.cjs <id>')
  }
  const command = word === EXPECTED_FLAG ? readCommandInput(process.stdin) : undefined
  if (command === undefined) {
    await run({ id: word }, root, { takesOver: flag === TAKEOVER_FLAG })
    return
  }
  const line = await command.firstLine
  if (line !== undefined) await run(JSON.parse(line) as Appointment, root, { command })
}

interface Beginning {
  /** Who started it in advance. */
  command?: CommandInput
  takesOver?: boolean
}

async function run(
  { id, app }: Appointment,
  root: string,
  { command, takesOver = false }: Beginning,
): Promise<void> {
  process.title = `lbm supervisor ${id}`
  holdReserve()

  const home = homePaths(root)
  const clock = systemClock()
  const logFd = openSync(home.daemonLog, 'a', 0o600)
  const log = (event: string, fields: Record<string, unknown>): void => {
    const at = new Date(clock.wall()).toISOString()
    try {
      writeSync(logFd, `${JSON.stringify({ at, from: id, event, ...fields })}\n`)
    } catch {
      // A full disk: what runs is worth more than what is told of it.
    }
  }

  const hosts = new Map<string, AppHost>()
  const messages = createAppMessages(clock)
  // A folder of this process alone: a predecessor may still have its own.
  const pipesDir = join(home.runDir, `${id}.pipes-${process.pid}`)
  const pipes = createLogPipes(pipesDir)

  const notify = createNotifyHub({ dir: join(home.runDir, `${id}.notify-${process.pid}`), log })
  const hooks = createHooks({ clock, log, shell: process.env })
  const logFiles = createLogFilesRegistry({ clock })

  /** What it has from the moment on at which it serves under the supervisor's name. */
  let server: RpcServer | undefined
  let ownership: OwnershipFile | undefined
  let keeper: DaemonKeeper | undefined
  const broadcast = <N extends keyof SupervisorNotifications>(
    name: N,
    params: SupervisorNotifications[N],
  ): void => server?.broadcast(name, params)
  const recordProcesses = (): void => ownership?.update(allOwned(hosts))
  const onRecord = new Map<number, string>()
  /** Most of what changes is how busy an instance is, and the record of 500 is long. */
  function isNewOnRecord({ id: one, pid, restarts, unstableRestarts }: InstanceState): boolean {
    const facts = `${pid} ${restarts} ${unstableRestarts}`
    if (onRecord.get(one) === facts) return false
    onRecord.set(one, facts)
    return true
  }

  let memberId = 0
  const deps: HostDeps = {
    clock,
    random: Math.random,
    home,
    agentPath: join(__dirname, 'agent.cjs'),
    shell: process.env,
    pipes,
    logFiles,
    oom: createOomLedger(clock),
    notify,
    hooks,
    nextMemberId: () => (memberId += 1),
    changed(report) {
      if (isNewOnRecord(report)) recordProcesses()
      broadcast('instance.changed', report)
    },
    processesChanged: recordProcesses,
    removed(key, instance) {
      onRecord.delete(instance)
      recordProcesses()
      broadcast('instance.removed', { app: key, id: instance })
    },
    listens: (key) => broadcast('app.listens', { app: key }),
    emit,
    log,
  }

  function emit(event: LbmEvent): void {
    if (event.type === 'instance.message') messages.receive(event.id, event.message)
    broadcast('event', event)
  }

  let ending: Promise<void> | undefined
  const shutDown = (): Promise<void> => (ending ??= end())

  async function end(): Promise<void> {
    keeper?.[Symbol.dispose]()
    await Promise.all([...hosts.values()].map((host) => host.close('shutdown')))
    ownership?.remove()
    await closeFiles()
    // Answered first, then gone.
    setImmediate(() => void server?.[Symbol.asyncDispose]().then(() => process.exit(0)))
  }

  async function closeFiles(): Promise<void> {
    await hooks.close(HOOKS_GRACE_MS)
    notify[Symbol.dispose]()
    pipes[Symbol.dispose]()
    rmSync(pipesDir, { recursive: true, force: true })
    await logFiles[Symbol.asyncDispose]()
  }

  const upgrade = (program: string): Promise<{ pid: number }> =>
    handOver({
      id,
      program,
      home: root,
      logFd,
      hosts,
      clock,
      leaveName() {
        keeper?.[Symbol.dispose]()
        const left = server
        server = undefined
        ownership?.[Symbol.dispose]()
        ownership = undefined
        // The answer to whoever asked for the upgrade goes first.
        setImmediate(() => void left?.[Symbol.asyncDispose]())
      },
      exit: () => void closeFiles().then(() => process.exit(0)),
    })

  const headStart = beginAhead(
    supervisorMethods({ id, version: __LBM_VERSION__, hosts, deps, messages, shutDown, upgrade }),
    (key) => {
      const host = hosts.get(key)
      // What was told before is not known to a daemon that did not know of the app.
      for (const report of host?.reports() ?? []) broadcast('instance.changed', report)
      if (host?.record().listens === true) broadcast('app.listens', { app: key })
    },
  )

  async function serve(supervisorId: string, homeRoot: string): Promise<void> {
    ownership = ownershipFile(join(home.runDir, `${supervisorId}.json`), {
      id: supervisorId,
      pid: process.pid,
      pidStart: pidStart(process.pid),
      version: __LBM_VERSION__,
      clock,
      onFailed: (message) => log('ownership.not-written', { message }),
    })
    recordProcesses()
    const keeping = keepDaemon({
      socket: home.socket,
      daemonPath: join(__dirname, 'daemon.cjs'),
      home: homeRoot,
      logFd,
      clock,
      random: Math.random,
      log,
    })
    keeper = keeping
    let daemons = 0
    server = await serveRpc({
      path: join(home.runDir, `${supervisorId}.sock`),
      hello: { protocol: PROTOCOL, version: __LBM_VERSION__, role: 'supervisor', pid: process.pid },
      methods: checkedMethods(supervisorSchemas, headStart.methods),
      onConnection(connection) {
        daemons += 1
        keeping.connected()
        void connection.closed.then(() => {
          daemons -= 1
          if (daemons > 0) return
          if (process.env[FOREGROUND_ENV] === undefined) keeping.lost()
          else void shutDown()
        })
      },
      onNotification(method, params) {
        if (method === 'daemon.leaving') keeping.pauseFor((params as { pauseMs: number }).pauseMs)
      },
      onBug: (error) => log('bug', { message: describeBug(error) }),
      clock,
    })
  }

  // It is ended by the daemon, in order; a terminal's or an init's signals are for the daemon to see.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGQUIT'] as const) {
    process.on(signal, () => undefined)
  }
  process.on('uncaughtException', (error) => {
    log('bug', { message: describeBug(error) })
    closeSync(logFd)
    process.exit(70)
  })

  if (command !== undefined) {
    if (!claimName(join(home.runDir, `${id}.json`))) return
    pipes.prepare()
  }
  if (takesOver) {
    await takeOver({ version: __LBM_VERSION__, hosts, deps, serve: () => serve(id, root) })
  } else {
    const serving = serve(id, root)
    if (app !== undefined) headStart.begin(app)
    await serving
  }
  void command?.ended.then(async () => {
    // The command's request was refused, was for another supervisor, or never sent.
    await headStart.takeBack()
    if (hosts.size === 0) void shutDown()
  })
  log('supervisor.started', { pid: process.pid, version: __LBM_VERSION__ })
}

function describeBug(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

main().catch((error: unknown) => {
  process.stderr.write(
    `lbm supervisor: ${error instanceof Error ? error.message : String(error)}\n`,
  )
  process.exit(1)
})
