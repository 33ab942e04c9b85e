/** Starts the process of an instance. */

import { type ChildProcess, spawn } from 'node:child_process'
import { statSync } from 'node:fs'
import type { Readable } from 'node:stream'

import type { AppSpec } from '../../../src/contract/app.ts'
import type { LogPipe, LogPipes } from '../logs/log-pipe.ts'

export interface Command {
  file: string
  args: string[]
}

/** @param agentPath absolute path of the bundled preload */
export function commandOf(spec: AppSpec, agentPath: string): Command {
  if (spec.interpreter === undefined) return { file: spec.script, args: spec.args }
  const preload = spec.runtime === 'node' ? ['--require', agentPath] : []
  return {
    file: spec.interpreter,
    args: [...preload, ...spec.interpreterArgs, spec.script, ...spec.args],
  }
}

export interface Spawned {
  process: ChildProcess
  out: Readable | LogPipe | null
  error: Readable | LogPipe | null
}

/**
 * A session of its own (`detached`), so that the whole tree can be found and ended; pipes for the logs; an IPC
 * channel, as PM2 gives to any program.
 * @throws Error with a sentence for the user when the process cannot be made
 */
export function spawnInstance(
  spec: AppSpec,
  command: Command,
  env: NodeJS.ProcessEnv,
  pipes: LogPipes,
): Spawned {
  // The kernel's ENOENT would name the program instead.
  const cwd = statSync(spec.cwd, { throwIfNoEntry: false })
  if (cwd === undefined) throw new Error(`the working directory ${spec.cwd} is not there`)
  if (!cwd.isDirectory()) throw new Error(`the working directory ${spec.cwd} is not a directory`)
  const out = pipes.open()
  const error = pipes.open()
  const discard = (): void => {
    out?.discard()
    error?.discard()
  }
  try {
    const process = spawn(command.file, command.args, {
      cwd: spec.cwd,
      env,
      detached: true,
      stdio: [
        spec.mode === 'cluster' ? 'ignore' : 'pipe',
        out?.writeFd ?? 'pipe',
        error?.writeFd ?? 'pipe',
        'ipc',
      ],
      ...(spec.uid === undefined ? {} : { uid: spec.uid }),
      ...(spec.gid === undefined ? {} : { gid: spec.gid }),
    })
    // An app that closed its stdin must not take the supervisor with it.
    process.stdin?.on('error', () => undefined)
    if (process.pid === undefined) discard()
    return { process, out: out ?? process.stdout, error: error ?? process.stderr }
  } catch (cause) {
    discard()
    throw cause
  } finally {
    out?.spawned()
    error?.spawned()
  }
}
