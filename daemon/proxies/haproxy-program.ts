/** The HAProxy of this host. */

import { existsSync, readFileSync } from 'node:fs'

import { LbmError } from '../../src/contract/errors.ts'
import type { HaproxyPlace } from '../../src/contract/proxy.ts'
import { askForReload, askHaproxy } from './haproxy-socket.ts'
import type { Judgement, ProxyProgram } from './port.ts'
import { findProgram, runProgram } from './run-program.ts'
import { parseVersion } from './version.ts'

/** Debian's. */
const MASTER_SOCKET = '/run/haproxy-master.sock'
const PID_FILE = '/run/haproxy.pid'

export interface HaproxyProgramOptions {
  place: HaproxyPlace
  /** The admin socket. */
  socket: string
  path: string | undefined
  signal: (pid: number, signal: NodeJS.Signals) => void
}

export function haproxyProgram({
  place,
  socket,
  path,
  signal,
}: HaproxyProgramOptions): ProxyProgram {
  const program = (): string => findProgram('haproxy', place.program, path)
  let complaints: string[] = []
  let failedReloads: number | undefined

  async function judge(file: string): Promise<Judgement> {
    const { exitCode, output } = await runProgram(program(), ['-c', '-f', file])
    return { ok: exitCode === 0, output }
  }

  const masterSocket = (): string | undefined => {
    const master = place.master ?? (place.pidFile === undefined ? MASTER_SOCKET : undefined)
    return master !== undefined && existsSync(master) ? master : undefined
  }

  /** The master counts them; it does not count for ever, a successful one begins anew. */
  async function countFailed(): Promise<number | undefined> {
    const master = masterSocket()
    if (master === undefined) return undefined
    const processes = await askHaproxy(master, 'show proc').catch(() => '')
    const match = /\[failed: (\d+)\]/.exec(processes)
    return match === null ? undefined : Number(match[1])
  }

  async function reloadByMaster(master: string): Promise<void> {
    failedReloads = await countFailed()
    // From 2.7 on it tells how that went; before, it says nothing.
    const answer = await askForReload(master)
    complaints = /Success=0/.test(answer) ? answer.trim().split('\n') : []
  }

  function reloadBySignal(pidFile: string): void {
    try {
      const pid = Number(readFileSync(pidFile, 'utf8').trim().split('\n')[0])
      if (!Number.isInteger(pid) || pid < 2) throw new Error(`${pidFile} holds no pid`)
      signal(pid, 'SIGUSR2')
    } catch (cause) {
      throw notRunning((cause as Error).message, cause)
    }
  }

  return {
    kind: 'haproxy',
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
    judge,
    judgeAlone: judge,
    async reload() {
      complaints = []
      failedReloads = undefined
      const master = masterSocket()
      if (master !== undefined) {
        await reloadByMaster(master).catch((cause: unknown) => {
          throw notRunning((cause as Error).message, cause)
        })
      } else if (place.master !== undefined) {
        throw notRunning(`there is no ${place.master}`)
      } else reloadBySignal(place.pidFile ?? PID_FILE)
    },
    async serving() {
      const info = await askHaproxy(socket, 'show info').catch(() => '')
      return /^description: lbm-(\S+)$/m.exec(info)?.[1]
    },
    async hasRefused() {
      if (complaints.length > 0) return true
      const now = failedReloads === undefined ? undefined : await countFailed()
      return now !== undefined && failedReloads !== undefined && now > failedReloads
    },
    async complaints() {
      if (complaints.length > 0 || existsSync(socket)) return complaints
      // It keeps the socket over reloads, but not its file.
      return [`there is no ${socket}, over which it would tell: restart HAProxy`]
    },
  }
}

function notRunning(why: string, cause?: unknown): LbmError {
  return new LbmError(
    'OPERATION_FAILED',
    `HAProxy does not run as a master that lbm can reach: ${why}`,
    {
      cause,
      hint: 'start it with the file (haproxy -W -S /run/haproxy-master.sock -f <file>), or say where it is: proxy.haproxy.master or .pid_file; to write the file alone: --out without --apply',
    },
  )
}
