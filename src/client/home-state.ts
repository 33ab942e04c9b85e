/** The home as a client sees it, before it has a daemon to ask. */

import { accessSync, constants, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'

import { LbmError } from '../contract/errors.ts'
import type { HomePaths } from '../contract/home.ts'

/** @throws LbmError HOME_UNUSABLE */
export function checkHome(root: string): void {
  const unusable = (why: string, cause?: unknown): LbmError =>
    new LbmError('HOME_UNUSABLE', `The home ${root} ${why}.`, {
      cause,
      hint: 'set LBM_HOME to a folder of your own, or run lbm as the user it belongs to',
    })
  try {
    mkdirSync(root, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw unusable(`cannot be made: ${(error as Error).message}`, error)
  }
  const { uid } = statSync(root)
  const self = process.getuid?.()
  if (self !== undefined && uid !== self)
    throw unusable(`belongs to user ${uid}, and this is user ${self}`)
  try {
    accessSync(root, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw unusable('is not writable', error)
  }
}

/** A socket that may not be connected to means: somebody else's home. */
export function explainConnect(error: unknown, home: HomePaths): unknown {
  const errno =
    error instanceof LbmError ? (error.cause as NodeJS.ErrnoException | undefined)?.code : undefined
  if (errno !== 'EACCES' && errno !== 'EPERM' && errno !== 'ENOTDIR') return error
  return new LbmError(
    'HOME_UNUSABLE',
    `The home ${home.root} cannot be used: ${errno} at ${home.socket}.`,
    {
      cause: error,
      hint: 'set LBM_HOME to a folder of your own, or run lbm as the user it belongs to',
    },
  )
}

/** True while supervisors of this home are there: a daemon belongs to them, and is on its way or to be started. */
export function hasSupervisors(home: HomePaths): boolean {
  try {
    return readdirSync(home.runDir).some((file) => file.endsWith('.sock'))
  } catch {
    return false // no such folder: nothing was ever started here
  }
}

/** Only the daemon knows what to do about what an earlier one left. */
export function isUntouched({ runDir }: HomePaths): boolean {
  if (!existsSync(runDir)) return true
  return readdirSync(runDir).every((file) => !/\.(json|sock)$/.test(file))
}
