/** Entry of a supervisor: `node supervisor.cjs <id> [--take-over]`, or `--expected`, with LBM_HOME set. Wiring only. */

import { closeSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

import type { LbmEvent } from '../../src/contract/events.ts'
import { type Appointment, EXPECTED_FLAG } from '../../src/contract/head-start.ts'
import { homePaths } from '../../src/contract/home.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import { TAKEOVER_FLAG } from '../../src/contract/takeover.ts'
import { systemClock } from '../kernel/clock.ts'
import { type CommandInput, readCommandInput } from '../kernel/command-input.ts'
import { describeBug, type Log } from '../kernel/log.ts'
import { holdReserve } from '../kernel/read-patiently.ts'
import { keepYoungGenerationSmall } from '../kernel/young-generation.ts'
import type { AppHost, HostDeps } from './app-host-port.ts'
import { createAppMessages } from './app-messages.ts'
import { beginAhead } from './begin-ahead.ts'
import { createOomLedger } from './health/deaths/kernel-oom.ts'
import { createNotifyHub } from './health/notify/notify-hub.ts'
import { createHooks } from './hooks/hooks.ts'
import { createLogFilesRegistry } from './logs/log-files-registry.ts'
import { createLogPipes } from './logs/log-pipe.ts'
import { allOwned, supervisorMethods } from './methods.ts'
import { claimName } from './ownership-file.ts'
import { createServing } from './serving.ts'
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
  const log: Log = (event, fields) => {
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
  const pipes = createLogPipes(join(home.runDir, `${id}.pipes-${process.pid}`))

  const notify = createNotifyHub({ dir: join(home.runDir, `${id}.notify-${process.pid}`), log })
  const hooks = createHooks({ clock, log, shell: process.env })
  const logFiles = createLogFilesRegistry({ clock })

  const serving = createServing({
    id,
    home,
    logFd,
    log,
    clock,
    owned: () => allOwned(hosts),
    onRunEnded: () => void shutDown(),
  })

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
      if (isNewOnRecord(report)) serving.recordProcesses()
      serving.broadcast('instance.changed', report)
    },
    processesChanged: serving.recordProcesses,
    removed(key, instance) {
      onRecord.delete(instance)
      serving.recordProcesses()
      serving.broadcast('instance.removed', { app: key, id: instance })
    },
    listens: (key) => serving.broadcast('app.listens', { app: key }),
    emit,
    log,
  }

  function emit(event: LbmEvent): void {
    if (event.type === 'instance.message') messages.receive(event.id, event.message)
    serving.broadcast('event', event)
  }

  let ending: Promise<void> | undefined
  const shutDown = (): Promise<void> => (ending ??= end())

  async function end(): Promise<void> {
    serving.dismissDaemon()
    await Promise.all([...hosts.values()].map((host) => host.close('shutdown')))
    serving.removeRecord()
    await closeFiles()
    // Answered first, then gone.
    setImmediate(() => void serving.close()?.then(() => process.exit(0)))
  }

  async function closeFiles(): Promise<void> {
    await hooks.close(HOOKS_GRACE_MS)
    notify[Symbol.dispose]()
    pipes[Symbol.dispose]()
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
      leaveName: serving.leave,
      exit: () => void closeFiles().then(() => process.exit(0)),
    })

  const headStart = beginAhead(
    supervisorMethods({ id, version: __LBM_VERSION__, hosts, deps, messages, shutDown, upgrade }),
    (key) => {
      const host = hosts.get(key)
      // What was told before is not known to a daemon that did not know of the app.
      for (const report of host?.reports() ?? []) serving.broadcast('instance.changed', report)
      if (host?.record().listens === true) serving.broadcast('app.listens', { app: key })
    },
  )

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
    await takeOver({
      version: __LBM_VERSION__,
      hosts,
      deps,
      serve: () => serving.begin(headStart.methods),
    })
  } else {
    const listening = serving.begin(headStart.methods)
    if (app !== undefined) headStart.begin(app)
    await listening
  }
  void command?.ended.then(async () => {
    // The command's request was refused, was for another supervisor, or never sent.
    await headStart.takeBack()
    if (hosts.size === 0) void shutDown()
  })
  keepYoungGenerationSmall()
  log('supervisor.started', { pid: process.pid, version: __LBM_VERSION__ })
}

main().catch((error: unknown) => {
  process.stderr.write(
    `lbm supervisor: ${error instanceof Error ? error.message : String(error)}\n`,
  )
  process.exit(1)
})
