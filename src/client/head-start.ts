/** Starts the daemon of a home that has none, and its first supervisor, before there is a request for them. */

import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import type { Socket } from 'node:net'

import { EXPECTED_FLAG, type ExpectedSupervisor } from '../contract/head-start.ts'
import type { HomePaths } from '../contract/home.ts'
import { openBackground } from './background.ts'
import { checkHome, isUntouched } from './home-state.ts'

export interface HeadStart {
  readonly daemon: ChildProcess
  readonly logStart: number
  /** A daemon has answered. */
  isUp: boolean
  /** The supervisor for an app, to be named in its request. @returns undefined once it has been given away */
  appoint(id: string): ExpectedSupervisor | undefined
  /** Lets both go: what has an app stays. Resolves when what has none is gone. */
  release(): Promise<void>
}

const RELEASE_MS = 2000

/**
 * @returns undefined where something of lbm's is there: only a daemon knows what to do about what an earlier one left
 * @throws LbmError HOME_UNUSABLE
 */
export function beginHeadStart(home: HomePaths, env: NodeJS.ProcessEnv): HeadStart | undefined {
  checkHome(home.root)
  if (existsSync(home.socket) || !isUntouched(home)) return undefined
  using background = openBackground(home, env)
  const daemon = background.run('daemon', [EXPECTED_FLAG], 'pipe')
  const supervisor = background.run('supervisor', [EXPECTED_FLAG], 'pipe')
  const all = [daemon, supervisor].map(held)
  let isFree = true
  return {
    daemon,
    logStart: background.logStart,
    isUp: false,
    appoint(id) {
      if (!isFree || supervisor.pid === undefined) return undefined
      isFree = false
      supervisor.stdin?.write(`${id}\n`)
      return { id, pid: supervisor.pid }
    },
    async release() {
      await Promise.all(all.map((child) => child.release()))
    },
  }
}

/** A child whose standard input this process holds, but does not live for. */
function held(child: ChildProcess): { release(): Promise<void> } {
  const stdin = child.stdin as Socket | null
  stdin?.unref()
  // It ended, or never began: whoever asks for something finds out.
  stdin?.on('error', () => undefined)
  child.on('error', () => undefined)
  return {
    release() {
      stdin?.end()
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
        return Promise.resolve()
      return new Promise((resolve) => {
        const timer = setTimeout(resolve, RELEASE_MS)
        child.ref()
        child.once('exit', () => {
          clearTimeout(timer)
          resolve()
        })
      })
    },
  }
}
