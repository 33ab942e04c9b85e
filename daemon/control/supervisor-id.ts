/** Which supervisor hosts an app. Pure. */

import { createHash } from 'node:crypto'

import type { AppSpec } from '../../src/contract/app.ts'
import { sanitiseFileName } from '../../src/contract/log-files.ts'

/** All fork apps share it. */
export const FORK_SUPERVISOR = 'fork'

/** `sockaddr_un.sun_path` on the stricter systems, without its closing zero. */
const MAX_SOCKET_PATH_BYTES = 103
const MAX_NAME_CHARS = 40
const HASH_CHARS = 8

/**
 * `fork`, or `app-<key>`; a key that is long or has characters that a file name should not have is shortened and
 * made unique by a hash, so that the socket's path stays within the system's limit.
 */
export function supervisorIdOf(
  key: string,
  { mode }: Pick<AppSpec, 'mode'>,
  runDir: string,
): string {
  if (mode === 'fork') return FORK_SUPERVISOR
  const room = MAX_SOCKET_PATH_BYTES - Buffer.byteLength(`${runDir}/app-.sock`)
  const plain = sanitiseFileName(key)
  const limit = Math.min(MAX_NAME_CHARS, room)
  if (plain === key && !key.includes('\\') && key.length <= limit) return `app-${key}`
  const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_CHARS)
  const start = plain.replaceAll('\\', '-').slice(0, Math.max(0, limit - HASH_CHARS - 1))
  return start === '' ? `app-${hash}` : `app-${start}-${hash}`
}
