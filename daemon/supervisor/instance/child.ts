/** One process of an instance, from its spawn until its tree is gone. Knows the OS; decides nothing. */

import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'

import { AGENT_COMMAND, type FromAgent, type ToAgent } from '../../../src/contract/agent.ts'
import type { AppSpec } from '../../../src/contract/app.ts'
import { linkToAgent } from '../../balancer/agent-link.ts'
import type { NativeHandle } from '../../balancer/port.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import { isSameProcess, pidStart } from '../../kernel/process-identity.ts'
import {
  nextScan,
  type ProcessEntry,
  signalAll,
  signalPid,
  treeOf,
} from '../../kernel/process-tree.ts'
import type { LogPipe, LogPipes } from '../logs/log-pipe.ts'
import { type Command, type Spawned, spawnInstance } from './spawn.ts'

/** A tree that is being ended is looked at this often until nothing of it is left. */
const TREE_POLL_MS = 50
/** To look for them takes as long as a spare takes to answer, and less than any other replacement takes to boot. */
const STRAGGLERS_MS = 20

export interface ChildEvents {
  agent: (message: FromAgent, handle: NativeHandle | undefined) => void
  message: (message: unknown) => void
  spawnFailed: (message: string) => void
  /** The process has ended; after a requested end, its whole tree. */
  exited: (code: number | null, signal: string | null) => void
}

export interface Child {
  readonly pid: number
  readonly pidStart: number
  readonly out: Readable | LogPipe
  readonly error: Readable | LogPipe
  /** `done` is called when it could not be sent. */
  send(message: ToAgent, handle?: NativeHandle, done?: (error: Error | null) => void): void
  /** False: the app gave its IPC channel up. */
  isConnected(): boolean
  /** Any message of the user's; false when the channel is closed. */
  post(message: unknown): boolean
  writeStdin(line: string): boolean
  signal(signal: NodeJS.Signals): boolean
  /** The polite end: the stop signal to the tree, or the `shutdown` message. */
  askToStop(): void
  killTree(): void
}

export interface ChildOptions {
  spec: AppSpec
  command: Command
  env: NodeJS.ProcessEnv
  pipes: LogPipes
  clock: Clock
}

export function startChild(
  { spec, command, env, pipes, clock }: ChildOptions,
  on: ChildEvents,
): Child | undefined {
  let spawned: Spawned
  try {
    spawned = spawnInstance(spec, command, env, pipes)
  } catch (error) {
    on.spawnFailed(error instanceof Error ? error.message : String(error))
    return undefined
  }
  const { process, out, error } = spawned
  const { pid } = process
  process.on('error', (failure) => {
    // Without a pid it was the spawn; with one, a failed send or kill, which the exit will explain.
    if (pid === undefined) on.spawnFailed(describeSpawnError(failure, command))
  })
  if (pid === undefined || out === null || error === null) return undefined
  return followChild({ spec, clock, process, pid, out, error, on })
}

interface Followed extends Pick<ChildOptions, 'spec' | 'clock'> {
  process: ChildProcess
  pid: number
  out: Readable | LogPipe
  error: Readable | LogPipe
  on: ChildEvents
}

function followChild({ spec, clock, process, pid, out, error, on }: Followed): Child {
  const start = pidStart(pid)
  let asked = false
  let known: ProcessEntry[] = []

  async function lookAtTree(): Promise<ProcessEntry[]> {
    const tree = spec.treekill ? treeOf(pid, await nextScan()) : []
    // Those seen before stay known: one that left the session meanwhile is still ours to end.
    known = [
      ...tree,
      ...known.filter(
        (old) => !tree.some((entry) => entry.pid === old.pid) && isSameProcess(old.pid, old.start),
      ),
    ]
    return known
  }

  async function signalTree(signal: NodeJS.Signals): Promise<void> {
    signalAll(await lookAtTree(), signal)
  }

  process.on('internalMessage', (message: unknown, handle: NativeHandle | undefined) => {
    if (isFromAgent(message)) on.agent(message, handle)
  })
  process.on('message', (message) => on.message(message))
  process.on('exit', (code, signal) => {
    if (!spec.treekill) {
      on.exited(code, signal)
      return
    }
    if (asked) {
      void untilTreeGone().then(() => on.exited(code, signal))
      return
    }
    // A crash: what it leaves behind would hold its ports. The group at once, stragglers of the session after the restart.
    signalPid(-pid, 'SIGKILL')
    on.exited(code, signal)
    clock.at(after(clock.now(), STRAGGLERS_MS), () => void signalTree('SIGKILL'))
  })

  async function untilTreeGone(): Promise<void> {
    while ((await lookAtTree()).length > 0)
      await new Promise<void>((resolve) => clock.at(after(clock.now(), TREE_POLL_MS), resolve))
  }

  return {
    pid,
    pidStart: start,
    out,
    error,
    send: linkToAgent(process),
    isConnected: () => process.connected,
    post(message) {
      if (!process.connected) return false
      process.send(message as never, () => undefined)
      return true
    },
    writeStdin(line) {
      return (
        process.stdin !== null && process.stdin.writable && (process.stdin.write(`${line}\n`), true)
      )
    },
    signal: (signal) => signalPid(pid, signal),
    askToStop() {
      asked = true
      if (spec.shutdownWithMessage && process.connected) {
        process.send('shutdown', () => undefined)
        return
      }
      const signal = spec.killSignal as NodeJS.Signals
      if (spec.treekill) void signalTree(signal)
      else signalPid(pid, signal)
    },
    killTree() {
      asked = true
      void signalTree('SIGKILL').then(() => {
        if (isSameProcess(pid, start)) signalPid(pid, 'SIGKILL')
      })
    },
  }
}

function isFromAgent(message: unknown): message is FromAgent {
  return (
    typeof message === 'object' &&
    message !== null &&
    'cmd' in message &&
    message.cmd === AGENT_COMMAND
  )
}

function describeSpawnError(error: NodeJS.ErrnoException, command: Command): string {
  if (error.code === 'ENOENT') return `${command.file} is not there`
  if (error.code === 'EACCES') return `${command.file} may not be executed`
  return error.message
}
