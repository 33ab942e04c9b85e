/** The nginx of this host. */

import { open, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

import { LbmError } from '../../src/contract/errors.ts'
import type { NginxPlace } from '../../src/contract/proxy.ts'
import { askControl } from './nginx-control.ts'
import type { ProxyProgram } from './port.ts'
import { isAboutRights } from './rights.ts'
import { findProgram, runProgram } from './run-program.ts'
import { parseVersion } from './version.ts'

const MAX_LOG_BYTES = 64 * 1024
const MAX_COMPLAINTS = 5
const GIVEN_UP = /^still could not bind/

export interface NginxProgramOptions {
  place: NginxPlace
  control: string
  controlName: string
  path: string | undefined
}

export function nginxProgram({
  place,
  control,
  controlName,
  path,
}: NginxProgramOptions): ProxyProgram {
  const program = (): string => findProgram('nginx', place.program, path)
  const main = place.conf === undefined ? [] : ['-c', place.conf]

  let log: string | undefined

  /** The configuration as nginx puts it together, each file under its name. */
  async function dump(): Promise<string> {
    return (await runProgram(program(), ['-T', ...main])).output
  }

  async function complaints(sinceMs: number): Promise<string[]> {
    log ??= await errorLog(await dump(), program())
    return log === undefined ? [] : lastComplaints(log, sinceMs)
  }

  return {
    kind: 'nginx',
    async version() {
      const { output } = await runProgram(program(), ['-v'])
      const version = parseVersion(output)
      if (version === undefined)
        throw new LbmError(
          'UNSUPPORTED',
          `${program()} does not say which version it is: ${output}`,
        )
      return version
    },
    async judge(file) {
      const { exitCode, output } = await runProgram(program(), ['-t', ...main])
      if (exitCode !== 0) return { ok: false, output }
      const isIncluded = (await dump()).includes(`# configuration file ${file}:`)
      if (isIncluded) return { ok: true, output }
      const where = place.conf ?? 'nginx.conf'
      return {
        ok: false,
        output: `${where} does not include ${file}: add "include ${file};" to its http block`,
      }
    },
    async judgeAlone(file, folder) {
      const around = join(folder, 'nginx.conf')
      await writeFile(
        around,
        `pid "${folder}/nginx.pid"; error_log stderr; events {} http { access_log off; include "${file}"; }`,
      )
      const { exitCode, output } = await runProgram(program(), ['-t', '-c', around])
      return { ok: exitCode === 0, output }
    },
    async reload() {
      const { exitCode, output } = await runProgram(program(), ['-s', 'reload', ...main])
      if (exitCode === 0) return
      const what = isAboutRights(output) ? 'cannot be told to reload' : 'does not run'
      throw new LbmError('OPERATION_FAILED', `nginx ${what}: ${lastLine(output)}`, {
        hint: 'start it (systemctl start nginx), or write the file alone: --out without --apply',
      })
    },
    async serving() {
      const answer = await askControl(control, controlName, '/generation')
      return answer?.status === 200 ? answer.body.trim() : undefined
    },
    // It tries a busy address five times before it gives up.
    hasRefused: async (sinceMs) =>
      (await complaints(sinceMs)).some((line) => GIVEN_UP.test(line) || !line.startsWith('bind()')),
    async complaints(sinceMs) {
      const lines = await complaints(sinceMs)
      return [...new Set(lines.filter((line) => !GIVEN_UP.test(line)))].slice(-MAX_COMPLAINTS)
    },
  }
}

/** That of the main block: what goes wrong in a reload is written there. */
async function errorLog(dumped: string, program: string): Promise<string | undefined> {
  const named = /(?:^|[;{}])\s*error_log\s+([^\s;]+)/m.exec(dumped)?.[1]
  if (named !== undefined) return named.startsWith('/') ? named : resolve('/etc/nginx', named)
  const { output } = await runProgram(program, ['-V'])
  const built = /--error-log-path=(\S+)/.exec(output)?.[1]
  // Debian's is built with stderr, and its configuration names a file.
  return built?.startsWith('/') === true ? built : undefined
}

async function lastComplaints(path: string, sinceMs: number): Promise<string[]> {
  try {
    await using file = await open(path, 'r')
    const { size } = await file.stat()
    const from = Math.max(0, size - MAX_LOG_BYTES)
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(MAX_LOG_BYTES),
      0,
      MAX_LOG_BYTES,
      from,
    )
    return buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .filter((line) => /\[(?:emerg|alert|crit)\]/.test(line) && timeOf(line) >= sinceMs)
      .map((line) => line.replace(/^.*?\[(?:emerg|alert|crit)\] [\d#]+: /, ''))
  } catch {
    return [] // another user's log: the message says where to look
  }
}

/** `2026/11/24 06:48:14 [emerg] …`, in whole seconds of local time. */
function timeOf(line: string): number {
  const match = /^(\d+)\/(\d+)\/(\d+) (\d+):(\d+):(\d+)/.exec(line)
  if (match === null) return 0
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map(Number)
  return new Date(year, month - 1, day, hour, minute, second, 999).getTime()
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? ''
}
