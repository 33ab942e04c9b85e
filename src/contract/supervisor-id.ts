/** Which supervisor hosts an app. Pure. */

import type { AppSpec } from './app.ts'
import { sanitiseFileName } from './log-files.ts'

/** All fork apps share it. */
export const FORK_SUPERVISOR = 'fork'

/** `sockaddr_un.sun_path` on the stricter systems, without its closing zero. */
const MAX_SOCKET_PATH_BYTES = 103
const MAX_NAME_CHARS = 40

/** How long the part behind `app-` may be, so that the socket's path stays within the system's limit. */
export function roomForName(runDir: string): number {
  const room = MAX_SOCKET_PATH_BYTES - Buffer.byteLength(`${runDir}/app-.sock`)
  return Math.min(MAX_NAME_CHARS, room)
}

/** `fork`, or `app-<key>`. @returns undefined for a key that is long or has characters that a file name should not have */
export function plainSupervisorId(
  key: string,
  { mode }: Pick<AppSpec, 'mode'>,
  runDir: string,
): string | undefined {
  if (mode === 'fork') return FORK_SUPERVISOR
  const isPlain =
    sanitiseFileName(key) === key && !key.includes('\\') && key.length <= roomForName(runDir)
  return isPlain ? `app-${key}` : undefined
}
