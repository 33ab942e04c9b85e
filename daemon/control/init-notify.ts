/**
 * Tells systemd that the daemon is up and its event loop turns, by sd_notify(3). Node cannot send to a datagram socket
 * of the file system; systemd's own `systemd-notify` can, and is wherever systemd is.
 */

import { spawn } from 'node:child_process'

import { after, type Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'

const PROGRAM = 'systemd-notify'

export interface InitNotifyOptions {
  env: NodeJS.ProcessEnv
  pid: number
  clock: Clock
  log: Log
}

export interface InitNotify extends Disposable {
  /** It serves; from now on, signs of life are sent as often as was asked for. */
  ready(status: string): void
  stopping(): void
}

export function initNotify({ env, pid, clock, log }: InitNotifyOptions): InitNotify {
  const isAsked = (env['NOTIFY_SOCKET'] ?? '') !== ''
  const beatMs = isAsked ? beatOf(env, pid) : undefined
  let timer: Disposable | undefined
  let hasFailed = false

  function tell(...facts: string[]): void {
    if (!isAsked) return
    const child = spawn(PROGRAM, facts, { env, stdio: 'ignore' })
    child.on('error', (error) => {
      // Once: the log is no place for the same sentence every half minute.
      if (!hasFailed) log('init.not-notified', { message: error.message })
      hasFailed = true
    })
  }

  function beat(everyMs: number): void {
    timer = clock.at(after(clock.now(), everyMs), () => {
      tell('WATCHDOG=1')
      beat(everyMs)
    })
  }

  return {
    ready(status) {
      tell('--ready', `--status=${status}`)
      if (beatMs !== undefined) beat(beatMs)
    },
    stopping() {
      timer?.[Symbol.dispose]()
      tell('STOPPING=1')
    },
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  }
}

/** Half of the time after which it is taken to hang, as sd_watchdog_enabled(3) advises; undefined when it is not watched. */
function beatOf(env: NodeJS.ProcessEnv, pid: number): number | undefined {
  const usec = Number(env['WATCHDOG_USEC'] ?? 0)
  const isOther = env['WATCHDOG_PID'] !== undefined && env['WATCHDOG_PID'] !== String(pid)
  return isOther || !(usec > 0) ? undefined : usec / 2000
}
