/** A program that runs once, in this terminal, and whose exit code is the command's. */

import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { isatty } from 'node:tty'

import type { AppSpec } from '../../contract/app.ts'
import { LbmError } from '../../contract/errors.ts'
import { formatDuration } from '../../contract/units.ts'

const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const
/** As a shell counts a death by a signal. */
const SIGNALLED = 128

/**
 * @returns its exit code, or 128 and the number of the signal that ended it
 * @throws LbmError SCRIPT_NOT_FOUND when it cannot be started, TIMED_OUT
 */
export function runJob(spec: AppSpec, timeoutMs: number | undefined): Promise<number> {
  const { interpreter, interpreterArgs, script, args, cwd, env, uid, gid } = spec
  const [file, words] =
    interpreter === undefined
      ? [script, args]
      : [interpreter, [...interpreterArgs, script, ...args]]
  const child = spawn(file, words, {
    cwd,
    env,
    stdio: 'inherit',
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  passSignals(child)
  return new Promise((resolve, reject) => {
    let isLate = false
    const timers = [
      timeoutMs === undefined ? undefined : setTimeout(() => end('SIGTERM'), timeoutMs),
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => child.kill('SIGKILL'), timeoutMs + spec.killTimeoutMs),
    ]
    const end = (signal: NodeJS.Signals): void => {
      isLate = true
      child.kill(signal)
    }
    child.on('error', (cause) => {
      timers.forEach(clearTimeout)
      reject(
        new LbmError('SCRIPT_NOT_FOUND', `${file} cannot be run: ${cause.message}.`, { cause }),
      )
    })
    child.on('exit', (code, signal) => {
      timers.forEach(clearTimeout)
      if (isLate) reject(timedOut(spec.name, timeoutMs ?? 0))
      else resolve(code ?? SIGNALLED + (signal === null ? 0 : constants.signals[signal]))
    })
  })
}

function passSignals(child: ChildProcess): void {
  for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal))
  // Ctrl-C in a terminal reaches the program by itself.
  process.on('SIGINT', () => {
    if (!isatty(0)) child.kill('SIGINT')
  })
}

function timedOut(name: string, timeoutMs: number): LbmError {
  return new LbmError(
    'TIMED_OUT',
    `${name} was ended, since it was not done within ${formatDuration(timeoutMs)}.`,
  )
}
