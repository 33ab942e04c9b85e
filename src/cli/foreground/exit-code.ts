/** What a process in the foreground exits with: as its app would have, had it been started by itself. */

import { constants } from 'node:os'

import type { ExitReason } from '../../contract/instance.ts'

/** As a shell counts a death by a signal. */
const SIGNALLED = 128

/** The first failure in time; 0 when all went well. */
export function exitCodeOfApps(exits: readonly ExitReason[]): number {
  const codes = exits.toSorted((a, b) => a.atMs - b.atMs).map(codeOf)
  return codes.find((code) => code !== 0) ?? 0
}

function codeOf({ code, signal, requestedBy }: ExitReason): number {
  if (code !== null) return code
  const number = constants.signals[signal as NodeJS.Signals] as number | undefined
  if (number === undefined) return 1
  // Asked to stop, it stopped; that it had to be killed is worth telling.
  const isWell = requestedBy !== undefined && signal !== 'SIGKILL'
  return isWell ? 0 : SIGNALLED + number
}
