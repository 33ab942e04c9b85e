/** Starts the first supervisor of a home before there is a daemon, or a request for one. */

import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import type { Socket } from 'node:net'

import { type Appointment, EXPECTED_FLAG, type ExpectedSupervisor } from '../contract/head-start.ts'
import type { HomePaths } from '../contract/home.ts'
import { openBackground } from './background.ts'
import { checkHome, isUntouched } from './home-state.ts'

export interface HeadStart {
  /** Gives the supervisor its name. @returns undefined once it has one, or where it could not be started */
  appoint(appointment: Appointment): ExpectedSupervisor | undefined
  /** Lets go of it: with an app it stays. Resolves when it is gone, where it was never appointed. */
  release(): Promise<void>
}

const RELEASE_MS = 2000

/**
 * @returns undefined where something of lbm's is there: only a daemon knows what to do about what an earlier one left
 * @throws LbmError HOME_UNUSABLE
 */
export function beginHeadStart(
  home: HomePaths,
  env: NodeJS.ProcessEnv,
  programs?: string,
): HeadStart | undefined {
  checkHome(home.root)
  if (existsSync(home.socket) || !isUntouched(home)) return undefined
  // The daemon would make them, for their owner alone; the supervisor may write there before it.
  for (const folder of [home.runDir, home.logsDir, home.pidsDir])
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  using background = openBackground(home, env, programs)
  const supervisor = background.run('supervisor', [EXPECTED_FLAG], { stdin: 'pipe' })
  const stdin = supervisor.stdin as Socket
  stdin.unref()
  // Where it could not be started, or has ended, the daemon starts one, and says why that fails.
  stdin.on('error', () => undefined)
  supervisor.on('error', () => undefined)
  let isFree = supervisor.pid !== undefined
  return {
    appoint(appointment) {
      if (!isFree || supervisor.pid === undefined) return undefined
      isFree = false
      stdin.write(`${JSON.stringify(appointment)}\n`)
      return { id: appointment.id, pid: supervisor.pid }
    },
    async release() {
      stdin.end()
      if (isFree) await exitOf(supervisor)
    },
  }
}

function exitOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, RELEASE_MS)
    child.ref()
    child.once('exit', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}
