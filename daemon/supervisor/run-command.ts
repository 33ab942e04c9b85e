/** Runs a command of the user's for a probe or a hook: without a shell, and not for longer than it may. */

import { type ChildProcess, spawn } from 'node:child_process'

import { after, type Clock } from '../kernel/clock.ts'
import { scanProcesses, signalAll, signalPid, treeOf } from '../kernel/process-tree.ts'
import { createTailRing } from './logs/tail-ring.ts'

export interface CommandRun {
  command: readonly string[]
  cwd: string
  env: NodeJS.ProcessEnv
  uid?: number | undefined
  gid?: number | undefined
  /** Written to its stdin. */
  input?: string
}

export interface CommandResult {
  code: number | null
  /** `SIGKILL`, or `ENOENT` and the like when it could not be started. */
  signal: string | null
  /** The last line that it printed, cut. */
  lastLine: string
}

const MAX_LINE = 200
/** What it printed last may come after its exit; a grandchild may hold the pipe open for ever. */
const OUTPUT_GRACE_MS = 100

/** Resolves when it has ended. When `signal` fires it is killed with everything that it started. */
export function runCommand(
  { command, cwd, env, uid, gid, input }: CommandRun,
  signal: AbortSignal,
  clock: Clock,
): Promise<CommandResult> {
  const [file = '', ...args] = command
  return new Promise((resolve) => {
    const tail = createTailRing()
    let child: ChildProcess
    try {
      child = spawn(file, args, {
        cwd,
        env,
        detached: true,
        stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
        ...(uid === undefined ? {} : { uid }),
        ...(gid === undefined ? {} : { gid }),
      })
    } catch (error) {
      // An argument too long, a user that is not there.
      resolve({ code: null, signal: (error as Error).message, lastLine: '' })
      return
    }
    const { pid } = child
    const kill = (): void => {
      if (pid === undefined) return
      signalAll(treeOf(pid, scanProcesses()), 'SIGKILL')
      signalPid(-pid, 'SIGKILL')
    }
    const end = (code: number | null, ended: string | null): void => {
      signal.removeEventListener('abort', kill)
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve({ code, signal: ended, lastLine: tail.lastLines(1)[0]?.slice(0, MAX_LINE) ?? '' })
    }
    signal.addEventListener('abort', kill)
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (pid === undefined) end(null, error.code ?? error.message)
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => tail.push(chunk))
    // One that does not read its stdin is free not to.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(input)
    child.on('close', end)
    child.on('exit', (code, ended) =>
      clock.at(after(clock.now(), OUTPUT_GRACE_MS), () => end(code, ended)),
    )
  })
}
