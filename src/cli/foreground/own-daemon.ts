/** A daemon inside this very process, whose end is the daemon's. */

import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

import { call, isDaemonDown } from '../../client/call.ts'
import { LbmError } from '../../contract/errors.ts'
import { FOREGROUND_ENV } from '../../contract/foreground.ts'
import type { HomePaths } from '../../contract/home.ts'

const START_TIMEOUT_MS = 10_000
const POLL_MS = 5
/** The daemon's, by which it ends itself and all that it has started. */
const END_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR2'] as const

export interface OwnDaemon {
  /** Ends what still runs, the supervisors and this process, with the code. */
  exit(code: number): Promise<never>
}

/** @throws LbmError DAEMON_UNREACHABLE, or OPERATION_FAILED when another daemon has the home */
export async function startOwnDaemon(home: HomePaths, isPrivate: boolean): Promise<OwnDaemon> {
  if (isPrivate) process.on('exit', () => rmSync(home.root, { recursive: true, force: true }))
  else await refuseOther(home)
  process.env['LBM_HOME'] = home.root
  process.env[FOREGROUND_ENV] = String(process.pid)
  createRequire(__filename)(join(__dirname, 'daemon.cjs'))
  await answers(home)
  process.title = 'lbm foreground'
  // The daemon listens for its end last of all.
  while (process.listenerCount('SIGUSR2') === 0) await delay(POLL_MS)
  const [end] = process.listeners('SIGTERM')
  for (const signal of END_SIGNALS) process.removeAllListeners(signal)
  return {
    exit(code) {
      // The daemon itself exits with 0.
      process.on('exit', () => (process.exitCode = code))
      end?.('SIGTERM')
      return new Promise<never>(() => undefined)
    },
  }
}

async function refuseOther({ socket, root }: HomePaths): Promise<void> {
  try {
    await call(socket, 'daemon.ping', {})
  } catch (error) {
    if (isDaemonDown(error)) return
    throw error
  }
  throw new LbmError('OPERATION_FAILED', `A daemon runs in ${root} already.`, {
    hint: 'start the app there without --foreground; or unset LBM_HOME for a home of its own',
  })
}

async function answers({ socket }: HomePaths): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    try {
      await call(socket, 'daemon.ping', {})
      return
    } catch (error) {
      if (!isDaemonDown(error) || performance.now() > deadline) throw error
    }
    await delay(POLL_MS)
  }
}
