/** Makes the home of lbm, for this user alone. */

import { accessSync, chmodSync, constants, mkdirSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'

import { LbmError } from '../../src/contract/errors.ts'
import type { HomePaths } from '../../src/contract/home.ts'

const HINT = 'set LBM_HOME to a folder of your own'

/** @throws LbmError HOME_UNUSABLE when it is somebody else's, or cannot be written */
export function prepareHome(home: HomePaths, uid: number | undefined): void {
  const { root, runDir, logsDir, pidsDir } = home
  if (!isAbsolute(root)) throw unusable(root, 'is no absolute path')
  for (const folder of [root, runDir, logsDir, pidsDir]) {
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
    } catch (error) {
      throw unusable(folder, `cannot be made: ${(error as Error).message}`)
    }
    const stat = statSync(folder)
    // Whoever owns it could read and replace all that is in it, root's daemon included.
    if (uid !== undefined && stat.uid !== uid) {
      throw unusable(folder, `belongs to user ${stat.uid}, and this is user ${uid}`)
    }
    if ((stat.mode & 0o077) !== 0 && folder !== logsDir) chmodSync(folder, 0o700)
    try {
      accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch {
      throw unusable(folder, 'cannot be written')
    }
  }
}

function unusable(folder: string, why: string): LbmError {
  return new LbmError('HOME_UNUSABLE', `${folder} ${why}.`, { hint: HINT })
}
