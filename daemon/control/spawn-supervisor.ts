/** Starts the program of a supervisor, which outlives the daemon. */

import { spawn } from 'node:child_process'

import { INIT_ENV } from '../../src/contract/init.ts'
import { NODE_FLAGS } from '../../src/contract/node-flags.ts'
import type { Spawned } from './supervisor-link.ts'

export interface SpawnSupervisorOptions {
  /** The Node that runs it. */
  execPath: string
  program: string
  home: string
  env: NodeJS.ProcessEnv
  /** Open file for what it prints before it has a log of its own. */
  logFd: number
  /** It gets this process's own standard output and error, at `FOREGROUND_FDS`. */
  sharesOutput: boolean
}

/** What an init gives the daemon alone. */
const NOT_FOR_SUPERVISORS = [
  INIT_ENV,
  'NOTIFY_SOCKET',
  'WATCHDOG_PID',
  'WATCHDOG_USEC',
  'LISTEN_FDS',
  'LISTEN_PID',
]

export function spawnSupervisor(id: string, options: SpawnSupervisorOptions): Spawned {
  const { execPath, program, home, logFd } = options
  const env: NodeJS.ProcessEnv = { ...options.env, LBM_HOME: home }
  for (const name of NOT_FOR_SUPERVISORS) delete env[name]
  const child = spawn(execPath, [...NODE_FLAGS, program, id], {
    cwd: '/',
    detached: true,
    env,
    stdio: ['ignore', logFd, logFd, ...(options.sharesOutput ? [1, 2] : [])],
  })
  child.unref()
  return {
    pid: child.pid,
    ended: new Promise((resolve) => {
      child.once('error', (error) => resolve(`could not be started: ${error.message}`))
      child.once('exit', (code, signal) =>
        resolve(
          signal === null ? `ended at once (exit code ${code})` : `ended at once (${signal})`,
        ),
      )
    }),
  }
}
