/** Starts a daemon again when it is gone and was not shut down in order. */

import { spawn } from 'node:child_process'
import { connect } from 'node:net'

import { AGAIN_FLAG } from '../../src/contract/again.ts'
import { NODE_FLAGS } from '../../src/contract/node-flags.ts'
import { after, type Clock } from '../kernel/clock.ts'

/** Several supervisors notice at once; the lock lets one daemon win, the lottery keeps most from trying. */
const FIRST_DELAY_MS = 50
const MAX_DELAY_MS = 30_000
/** A daemon that was connected this long was well: the count of failures starts anew. */
const STABLE_MS = 1000

export interface DaemonKeeper extends Disposable {
  connected(): void
  /** The last connection of a daemon closed. */
  lost(): void
  /** A successor is on its way; leave it that much time. */
  pauseFor(ms: number): void
}

export interface DaemonKeeperOptions {
  socket: string
  daemonPath: string
  home: string
  /** Open file of the daemon's log. */
  logFd: number
  clock: Clock
  random: () => number
  log: (event: string, fields: Record<string, unknown>) => void
}

export function keepDaemon(options: DaemonKeeperOptions): DaemonKeeper {
  const { clock, socket, log } = options
  let timer: Disposable | undefined
  let failures = 0
  let connectedAt = clock.now()
  let pausedMs = 0
  let done = false

  function tryLater(): void {
    if (done) return
    const backoffMs = failures === 0 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** failures, MAX_DELAY_MS)
    const delayMs = FIRST_DELAY_MS * (1 + options.random()) + backoffMs + pausedMs
    pausedMs = 0
    timer?.[Symbol.dispose]()
    timer = clock.at(after(clock.now(), delayMs), look)
  }

  function look(): void {
    timer = undefined
    const probe = connect(socket)
    probe.on('connect', () => {
      // One is there; it finds us by our socket. Look again in case it does not live long enough for that.
      probe.destroy()
      failures += 1
      tryLater()
    })
    probe.on('error', () => {
      failures += 1
      log('daemon.restarted', { attempt: failures })
      const daemon = spawn(process.execPath, [...NODE_FLAGS, options.daemonPath, AGAIN_FLAG], {
        detached: true,
        cwd: '/',
        env: { ...process.env, LBM_HOME: options.home },
        stdio: ['ignore', options.logFd, options.logFd],
      })
      daemon.on('error', (error) => log('daemon.spawn-failed', { message: error.message }))
      daemon.unref()
      tryLater()
    })
  }

  return {
    connected() {
      connectedAt = clock.now()
      timer?.[Symbol.dispose]()
      timer = undefined
    },
    lost() {
      if (clock.now() - connectedAt >= STABLE_MS) failures = 0
      tryLater()
    },
    pauseFor(ms) {
      pausedMs = ms
    },
    [Symbol.dispose]() {
      done = true
      timer?.[Symbol.dispose]()
    },
  }
}
