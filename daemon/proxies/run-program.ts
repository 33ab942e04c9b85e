/** Runs nginx or HAProxy for a moment. */

import { spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

import { LbmError } from '../../src/contract/errors.ts'
import type { ProxyKind } from '../../src/contract/proxy.ts'

export interface Finished {
  exitCode: number | null
  output: string
}

const TIMEOUT_MS = 20_000
const MAX_OUTPUT_CHARS = 512 * 1024
/** Where they are, but for the PATH of an ordinary user. */
const SYSTEM_FOLDERS = ['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin']

/** @throws LbmError UNSUPPORTED when the program is not installed */
export function findProgram(
  kind: ProxyKind,
  given: string | undefined,
  path: string | undefined,
): string {
  const folders = [...(path ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS]
  const candidates = given === undefined ? folders.map((folder) => join(folder, kind)) : [given]
  const found = candidates.find(isExecutable)
  if (found !== undefined) return found
  throw new LbmError(
    'UNSUPPORTED',
    given === undefined
      ? `There is no ${kind} on this host.`
      : `${given} is not there, or cannot be executed.`,
    {
      hint: `install it (Debian: apt-get install ${kind}), or say where it is: proxy.${kind}.program`,
    },
  )
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Never rejects for what the program does. @throws LbmError OPERATION_FAILED when it cannot be started */
export function runProgram(file: string, args: readonly string[]): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: TIMEOUT_MS })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        if (output.length < MAX_OUTPUT_CHARS) output += text
      })
    }
    child.on('error', (cause) =>
      reject(
        new LbmError('OPERATION_FAILED', `${file} could not be started: ${cause.message}`, {
          cause,
        }),
      ),
    )
    child.on('close', (exitCode) => resolve({ exitCode, output }))
  })
}
