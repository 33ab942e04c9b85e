/** The command line as a user has it: the built `lbm`, a home of its own, and nothing left behind. */

import { spawn } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import type { HomePaths } from '../../src/contract/home.ts'
import { DIST } from './dist.ts'
import { processesOf } from './processes.ts'
import { tempHome } from './temp-home.ts'
import { until } from './until.ts'

const BIN = join(DIST, '../bin/lbm.js')

export interface Run {
  exitCode: number | null
  signal: string | null
  stdout: string
  stderr: string
  /** Both, for messages. */
  all: string
}

export interface RunOptions {
  cwd?: string
  env?: Record<string, string | undefined>
  node?: string
  /** Another `lbm` than the built one. */
  bin?: string
  stdin?: string
  timeoutMs?: number
}

export interface ListedInstance {
  pid: number
  name: string
  pm_id: number
  monit: { memory: number; cpu: number }
  pm2_env: Record<string, unknown> & { status: string; restart_time: number; exec_mode: string }
}

export interface Cli extends AsyncDisposable {
  home: HomePaths
  /** Runs `lbm` with these words. */
  lbm(...words: (string | RunOptions)[]): Promise<Run>
  /** Runs it and fails the test unless it exits 0. */
  ok(...words: (string | RunOptions)[]): Promise<Run>
  jlist(): Promise<ListedInstance[]>
  /** Runs it beside the test, which may end it. */
  start(...words: (string | RunOptions)[]): Started
}

export interface Started {
  pid: number
  done: Promise<Run>
}

/** At its end: `lbm kill`, then the test fails if a process of the home is left. */
export function newCli(defaults: RunOptions = {}): Cli {
  const home = tempHome()
  const root = home.paths.root

  const start = (...words: (string | RunOptions)[]): Started => {
    const options = { ...defaults, ...words.find((word) => typeof word === 'object') }
    const args = words.filter((word) => typeof word === 'string')
    const env = { ...process.env, NO_COLOR: '1', ...defaults.env, ...options.env, LBM_HOME: root }
    return startProgram(options.node ?? process.execPath, [options.bin ?? BIN, ...args], {
      ...options,
      env,
    })
  }
  const lbm = (...words: (string | RunOptions)[]): Promise<Run> => start(...words).done

  const ok = async (...words: (string | RunOptions)[]): Promise<Run> => {
    const done = await lbm(...words)
    if (done.exitCode !== 0)
      throw new Error(
        `lbm ${words.filter((word) => typeof word === 'string').join(' ')} exited ${done.exitCode ?? done.signal}:\n${done.all}`,
      )
    return done
  }

  return {
    home: home.paths,
    lbm,
    ok,
    start,
    async jlist() {
      return JSON.parse((await ok('jlist')).stdout) as ListedInstance[]
    },
    async [Symbol.asyncDispose]() {
      const killed = await lbm('kill')
      // The last of them answers before it has quite gone.
      const left = await until(() => processesOf(root).length === 0 || undefined, 5000).catch(() =>
        processesOf(root),
      )
      for (const { pid } of Array.isArray(left) ? left : []) process.kill(pid, 'SIGKILL')
      rmSync(root, { recursive: true, force: true })
      if (Array.isArray(left)) {
        const names = left.map(({ pid, command }) => `${pid} ${command}`).join('\n')
        throw new Error(
          `left running after lbm kill (exit ${killed.exitCode}):\n${names}\n${killed.all}`,
        )
      }
      if (existsSync(root)) throw new Error(`${root} could not be removed`)
    },
  }
}

export function startProgram(
  file: string,
  args: readonly string[],
  { cwd, env, stdin, timeoutMs = 60_000 }: RunOptions = {},
): Started {
  const child = spawn(file, args, {
    cwd,
    env: env ?? process.env,
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const result: Run = { exitCode: null, signal: null, stdout: '', stderr: '', all: '' }
  const gather = (which: 'stdout' | 'stderr') => (text: string) => {
    result[which] += text
    result.all += text
  }
  child.stdout?.setEncoding('utf8').on('data', gather('stdout'))
  child.stderr?.setEncoding('utf8').on('data', gather('stderr'))
  child.stdin?.end(stdin)
  const timer = setTimeout(() => {
    result.all += `\n[killed by the test after ${timeoutMs} ms]`
    child.kill('SIGKILL')
  }, timeoutMs)
  const done = new Promise<Run>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (exitCode, signal) => {
      clearTimeout(timer)
      resolve({ ...result, exitCode, signal })
    })
  })
  return { pid: child.pid ?? 0, done }
}
