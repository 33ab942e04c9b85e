/** Entry of a supervisor: `node supervisor.cjs <id>`, with LBM_HOME set. Wiring only. */

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import type { LbmEvent } from '../../src/contract/events.ts'
import { homePaths } from '../../src/contract/home.ts'
import { checkedMethods, supervisorSchemas } from '../../src/contract/schemas.ts'
import { PROTOCOL } from '../../src/contract/version.ts'
import { systemClock } from '../kernel/clock.ts'
import { pidStart } from '../kernel/process-identity.ts'
import { serveRpc } from '../kernel/rpc-server.ts'
import type { AppHost, HostDeps } from './app-host.ts'
import { createAppMessages } from './app-messages.ts'
import { keepDaemon } from './daemon-keeper.ts'
import { createLogFilesRegistry } from './logs/log-files-registry.ts'
import { createLogPipes } from './logs/log-pipe.ts'
import { allReports, supervisorMethods } from './methods.ts'
import { ownershipFile } from './ownership-file.ts'

async function main(): Promise<void> {
  const [, , id] = process.argv
  const root = process.env['LBM_HOME']
  if (id === undefined || root === undefined)
    throw new Error('usage: LBM_HOME=<folder> node supervisor.cjs <id>')
  process.title = `lbm supervisor ${id}`

  const home = homePaths(root)
  const clock = systemClock()
  const logFd = openSync(home.daemonLog, 'a', 0o600)
  const log = (event: string, fields: Record<string, unknown>): void => {
    try {
      writeSync(
        logFd,
        `${JSON.stringify({ at: new Date(clock.wall()).toISOString(), from: id, event, ...fields })}\n`,
      )
    } catch {
      // A full disk: what runs is worth more than what is told of it.
    }
  }

  const hosts = new Map<string, AppHost>()
  const messages = createAppMessages(clock)
  const ownership = ownershipFile(join(home.runDir, `${id}.json`), {
    id,
    pid: process.pid,
    pidStart: pidStart(process.pid),
    version: __LBM_VERSION__,
  })
  const keeper = keepDaemon({
    socket: home.socket,
    daemonPath: join(__dirname, 'daemon.cjs'),
    home: root,
    logFd,
    clock,
    random: Math.random,
    log,
  })

  const pipesDir = join(home.runDir, `${id}.pipes`)
  const pipes = createLogPipes(pipesDir)
  let memberId = 0
  const deps: HostDeps = {
    clock,
    random: Math.random,
    home,
    agentPath: join(__dirname, 'agent.cjs'),
    pipes,
    logFiles: createLogFilesRegistry({ clock }),
    nextMemberId: () => (memberId += 1),
    changed(report) {
      ownership.update(allReports(hosts))
      server.broadcast('instance.changed', report)
    },
    processesChanged: () => ownership.update(allReports(hosts)),
    removed(app, instance) {
      ownership.update(allReports(hosts))
      server.broadcast('instance.removed', { app, id: instance })
    },
    listens: (app) => server.broadcast('app.listens', { app }),
    emit,
    log,
  }

  function emit(event: LbmEvent): void {
    if (event.type === 'instance.message') {
      const runner = hosts.get(event.app)?.runner(event.id)
      if (runner !== undefined) messages.receive(runner, event.message)
    }
    server.broadcast('event', event)
  }

  async function shutDown(): Promise<void> {
    keeper[Symbol.dispose]()
    await Promise.all([...hosts.values()].map((host) => host.close('shutdown')))
    ownership.remove()
    pipes[Symbol.dispose]()
    rmSync(pipesDir, { recursive: true, force: true })
    // Answered first, then gone.
    setImmediate(() => void server[Symbol.asyncDispose]().then(() => process.exit(0)))
  }

  let daemons = 0
  const server = await serveRpc({
    path: join(home.runDir, `${id}.sock`),
    hello: { protocol: PROTOCOL, version: __LBM_VERSION__, role: 'supervisor', pid: process.pid },
    methods: checkedMethods(
      supervisorSchemas,
      supervisorMethods({ id, version: __LBM_VERSION__, hosts, deps, messages, shutDown }),
    ),
    onConnection(connection) {
      daemons += 1
      keeper.connected()
      void connection.closed.then(() => {
        daemons -= 1
        if (daemons === 0) keeper.lost()
      })
    },
    onBug: (error) =>
      log('bug', {
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
    clock,
  })
  log('supervisor.started', { pid: process.pid, version: __LBM_VERSION__ })

  // It is ended by the daemon, in order; a terminal's or an init's signals are for the daemon to see.
  for (const signal of ['SIGINT', 'SIGHUP', 'SIGTERM', 'SIGQUIT'] as const)
    process.on(signal, () => undefined)
  process.on('uncaughtException', (error) => {
    log('bug', { message: error.stack ?? error.message })
    closeSync(logFd)
    process.exit(70)
  })
}

main().catch((error: unknown) => {
  process.stderr.write(
    `lbm supervisor: ${error instanceof Error ? error.message : String(error)}\n`,
  )
  process.exit(1)
})
