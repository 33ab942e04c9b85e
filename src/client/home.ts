/** Which home a command means. */

import { homedir } from 'node:os'
import { resolve } from 'node:path'

import { LbmError } from '../contract/errors.ts'
import { type HomePaths, homePaths } from '../contract/home.ts'
import { pm2HomeOf } from './as-pm2.ts'

/** The kernel's limit on the path of a Unix socket, without the closing zero. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103

/**
 * `LBM_HOME`, or `~/.lbm`.
 * @throws LbmError HOME_UNUSABLE when its path is too long for a socket in it
 */
export function resolveHome(env: NodeJS.ProcessEnv): HomePaths {
  const given = env['LBM_HOME'] || pm2HomeOf(env)
  const root = given ? resolve(given) : `${homedir()}/.lbm`
  const paths = homePaths(root)
  const bytes = Buffer.byteLength(paths.socket)
  if (bytes > MAX_SOCKET_PATH_BYTES) {
    throw new LbmError(
      'HOME_UNUSABLE',
      `The path of the home is too long for a socket: ${paths.socket} has ${bytes} bytes, the system allows ${MAX_SOCKET_PATH_BYTES}.`,
      { hint: 'set LBM_HOME to a shorter path' },
    )
  }
  return paths
}
