/** Entry of the daemon: `node daemon.cjs`, with LBM_HOME set. Wiring only. */

import { join } from 'node:path'

import { AGAIN_FLAG } from '../../src/contract/again.ts'
import { isLbmError } from '../../src/contract/errors.ts'
import { FOREGROUND_ENV } from '../../src/contract/foreground.ts'
import { takeExpected } from '../../src/contract/head-start.ts'
import { type HomePaths, homePaths } from '../../src/contract/home.ts'
import { EXIT_FOR_RESTART, INIT_ENV } from '../../src/contract/init.ts'
import { type Hello, PROTOCOL } from '../../src/contract/version.ts'
import { after, type Clock, systemClock } from '../kernel/clock.ts'
import { describeBug, openLogFile } from '../kernel/log.ts'
import { acquirePidLock, isLock, type PidLock } from '../kernel/pid-lock.ts'
import { mainThreadOf, rssOf } from '../kernel/process-stats.ts'
import { scanProcesses } from '../kernel/process-tree.ts'
import { holdReserve } from '../kernel/read-patiently.ts'
import { serveRpc } from '../kernel/rpc-server.ts'
import { keepYoungGenerationSmall } from '../kernel/young-generation.ts'
import { createControl } from './control.ts'
import { createEnding } from './ending.ts'
import { prepareHome } from './home-folder.ts'
import { initNotify } from './init-notify.ts'
import { measureByPidusage } from './measure.ts'
import { daemonServes } from './methods/all-methods.ts'
import { listSupervisors, noteStarted, pause } from './ownership.ts'
import { spawnSupervisor } from './spawn-supervisor.ts'
import { openStore } from './store.ts'
import { replace, yieldTo } from './yield-to.ts'

/** Exit code of a bug, as sysexits.h has it. */
const EXIT_SOFTWARE = 70
const LOCK_CHECK_MS = 5000
/** Time in which one that was asked to leave does. */
const HANDOVER_MS = 50

async function main(): Promise<void> {
  process.title = 'lbm daemon'
  holdReserve()
  const home = homePaths(process.env['LBM_HOME'] ?? '')
  const clock = systemClock()
  const hello: Hello = {
    protocol: PROTOCOL,
    version: __LBM_VERSION__,
    role: 'daemon',
    pid: process.pid,
  }
  prepareHome(home, process.geteuid?.())
  const lock = await lockHome(home, hello, clock)
  if (lock === undefined) return
  if (process.argv[2] === AGAIN_FLAG && listSupervisors(home.runDir).length === 0) {
    // Who started this one was ended in order before it held the lock: "lbm kill" is not undone.
    lock[Symbol.dispose]()
    return
  }
  try {
    await run(home, hello, clock, lock)
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
}

/**
 * One that somebody started by hand makes way for the service manager's, or that would be started again and again.
 * @returns undefined when another daemon serves this home
 */
async function lockHome(home: HomePaths, hello: Hello, clock: Clock): Promise<PidLock | undefined> {
  for (;;) {
    const lock = acquirePidLock(home.daemonPid)
    if (isLock(lock)) return lock
    if ((await yieldTo(lock, home.socket, hello, clock)) === 'gone') continue
    if (process.env[INIT_ENV] === undefined) return undefined
    await replace(home.socket, hello, clock)
    await pause(HANDOVER_MS, clock)
  }
}

async function run(home: HomePaths, hello: Hello, clock: Clock, lock: PidLock): Promise<void> {
  const logFile = openLogFile({ path: home.daemonLog, from: 'daemon', clock })
  const { log } = logFile
  const expected = takeExpected(process.env)
  process.on('uncaughtException', (error) => {
    log('bug', { message: describeBug(error) })
    process.exit(EXIT_SOFTWARE)
  })

  // A command takes this one away; a service manager's environment is the same at the next boot.
  const lasting = process.env['INVOCATION_ID'] === undefined ? {} : process.env
  const store = openStore(home.state, lasting)
  for (const message of store.warnings) log('state.warning', { message })
  // Beside this file, which a program in the foreground has loaded into itself.
  const supervisorProgram = join(__dirname, 'supervisor.cjs')
  const control = createControl({
    supervisorProgram,
    home,
    hello,
    clock,
    log,
    store,
    lasting,
    spawnSupervisor: (id) =>
      spawnSupervisor(id, {
        execPath: process.execPath,
        program: supervisorProgram,
        home: home.root,
        env: process.env,
        logFd: logFile.fd(),
        sharesOutput: process.env[FOREGROUND_ENV] === String(process.pid),
      }),
    measuring: {
      measure: measureByPidusage,
      glance,
      scan: scanProcesses,
      cpuMs,
      cpuMsOf: (pid) => mainThreadOf(pid)?.cpuMs,
    },
  })
  if (expected !== undefined) noteStarted(home.runDir, expected.id, expected.pid)
  await control.adopt({ except: expected?.id })

  const init = initNotify({ env: process.env, pid: process.pid, clock, log })
  const ending = createEnding(control, async (how) => {
    init.stopping()
    await server[Symbol.asyncDispose]()
    lock[Symbol.dispose]()
    log('daemon.ended', { pid: process.pid })
    process.exit(how === 'left' && process.env[INIT_ENV] !== undefined ? EXIT_FOR_RESTART : 0)
  })
  const server = await serveRpc({
    path: home.socket,
    hello,
    methods: daemonServes({
      control,
      ending,
      isEnding: ending.hasBegun,
      rssBytes: () => process.memoryUsage.rss(),
      reopenOwnLog() {
        logFile.reopen()
        return home.daemonLog
      },
    }),
    onBug: (error) => log('bug', { message: describeBug(error) }),
    clock,
  })
  init.ready(`${store.apps().length} apps`)
  keepYoungGenerationSmall()
  log('daemon.started', { pid: process.pid, version: hello.version, apps: store.apps().length })

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const) {
    process.on(signal, () => {
      log('daemon.signalled', { signal })
      void ending.kill(false)
    })
  }
  async function reopenLogs(): Promise<void> {
    await control.supervisors.callEach('logs.reopen', {}, LOCK_CHECK_MS)
    logFile.reopen()
  }

  process.on('SIGHUP', () => undefined)
  process.on('SIGUSR2', () => {
    void reopenLogs().catch((error: unknown) =>
      log('logs.not-reopened', { message: describeBug(error) }),
    )
  })
  watchLock(lock, clock, () => {
    log('daemon.replaced')
    void ending.leave()
  })
}

/** Two daemons that start at once may, in a window of microseconds, both take a dead one's lock. */
function watchLock(lock: PidLock, clock: Clock, onLost: () => void): void {
  clock.at(after(clock.now(), LOCK_CHECK_MS), () => {
    if (isHeld(lock)) watchLock(lock, clock, onLost)
    else onLost()
  })
}

/** Where it cannot be looked at now, it can be later. */
function isHeld(lock: PidLock): boolean {
  try {
    return lock.isHeld()
  } catch {
    return true
  }
}

/** Cheap only where the kernel has it in a file. */
function glance(pid: number): number | undefined {
  return process.platform === 'linux' ? rssOf(pid) : undefined
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

main().catch((error: unknown) => {
  // One line for whoever started it; a bug's stack is for the log that stderr goes to.
  const hint = isLbmError(error) && error.hint !== undefined ? ` (${error.hint})` : ''
  const text = isLbmError(error) ? `${error.message}${hint}` : describeBug(error)
  process.stderr.write(`lbm daemon: ${text}\n`)
  process.exit(1)
})
