/** A program that runs beside the test, whose output is waited for, and of which nothing is left at the end. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

import { until } from './until.ts'

export interface LiveProgram extends AsyncDisposable {
  child: ChildProcess
  pid: number
  /** What it printed until now. */
  stdout(): string
  stderr(): string
  /** Resolves when its output matches. */
  saw(pattern: RegExp): Promise<void>
  ended: Promise<{ code: number | null; signal: string | null }>
  /** It and all that it has started, wherever that went. */
  processes(): number[]
}

export interface LiveOptions {
  env?: Record<string, string | undefined>
  cwd?: string
  stdio?: ('pipe' | 'ignore' | number)[]
}

const MARK = 'LBM_TEST_MARK'
let marks = 0

export function liveProgram(
  file: string,
  args: readonly string[],
  { env, cwd, stdio = ['ignore', 'pipe', 'pipe'] }: LiveOptions = {},
): LiveProgram {
  const mark = `${process.pid}-${(marks += 1)}-${Date.now()}`
  const child = spawn(file, args, {
    cwd,
    env: { ...process.env, NO_COLOR: '1', ...env, [MARK]: mark },
    stdio,
  })
  const printed = { out: '', err: '' }
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (printed.out += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (printed.err += text))
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal }))
  })
  const processes = (): number[] => processesMarked(`${MARK}=${mark}`)
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => printed.out,
    stderr: () => printed.err,
    async saw(pattern) {
      await until(() => pattern.test(`${printed.out}\n${printed.err}`) || undefined)
    },
    ended,
    processes,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
      const left = await until(() => processes().length === 0 || undefined, 15_000).catch(() =>
        processes(),
      )
      if (!Array.isArray(left)) return
      for (const pid of left) process.kill(pid, 'SIGKILL')
      throw new Error(`left running by ${file} ${args.join(' ')}: ${left.join(', ')}`)
    },
  }
}

function processesMarked(entry: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => {
      try {
        return readFileSync(`/proc/${name}/environ`, 'latin1').split('\0').includes(entry)
      } catch {
        return false // it has just ended
      }
    })
    .map(Number)
}
