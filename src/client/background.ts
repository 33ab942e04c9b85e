/** Processes of lbm that outlive the command that starts them. */

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'
import { join } from 'node:path'

import { type ExpectedSupervisor, withExpected } from '../contract/head-start.ts'
import type { HomePaths } from '../contract/home.ts'
import { NODE_FLAGS } from '../contract/node-flags.ts'

/** What Node sets for a child of its own, or for debugging this very process. */
const NOT_FOR_THE_DAEMON = [
  'NODE_OPTIONS',
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  // Of the service that a terminal runs in: it says nothing of the daemon's.
  'INVOCATION_ID',
]

export interface RunOptions {
  /** `pipe`: its end tells the program that this process is gone. Default: `ignore`. */
  stdin?: 'ignore' | 'pipe'
  /** A supervisor that the daemon is to count on. */
  expected?: ExpectedSupervisor | undefined
}

export interface Background extends Disposable {
  /** Where in the daemon's log they begin to write. */
  readonly logStart: number
  run(program: 'daemon' | 'supervisor', words: string[], how?: RunOptions): ChildProcess
}

export function openBackground(
  home: HomePaths,
  env: NodeJS.ProcessEnv,
  programs: string = __dirname,
): Background {
  const log = openSync(home.daemonLog, 'a', 0o600)
  const childEnv: NodeJS.ProcessEnv = { ...env, LBM_HOME: home.root }
  for (const name of NOT_FOR_THE_DAEMON) delete childEnv[name]
  return {
    logStart: fstatSync(log).size,
    run(program, words, { stdin = 'ignore', expected } = {}) {
      const child = spawn(
        process.execPath,
        [...NODE_FLAGS, join(programs, `${program}.cjs`), ...words],
        {
          cwd: home.root,
          detached: true,
          env: expected === undefined ? childEnv : withExpected(childEnv, expected),
          stdio: [stdin, log, log],
        },
      )
      child.unref()
      return child
    },
    [Symbol.dispose]: () => closeSync(log),
  }
}
