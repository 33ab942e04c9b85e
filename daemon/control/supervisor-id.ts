/** The supervisor's id for any app. */

import type { AppSpec } from '../../src/contract/app.ts'
import { sanitiseFileName } from '../../src/contract/log-files.ts'
import { plainSupervisorId, roomForName } from '../../src/contract/supervisor-id.ts'
import { loadCrypto } from '../kernel/crypto.ts'

const HASH_CHARS = 8

/** Where the key cannot be in a file name as it is, it is shortened and made unique by a hash. */
export function supervisorIdOf(key: string, spec: Pick<AppSpec, 'mode'>, runDir: string): string {
  return plainSupervisorId(key, spec, runDir) ?? hashedId(key, roomForName(runDir))
}

function hashedId(key: string, room: number): string {
  const hash = loadCrypto().createHash('sha256').update(key).digest('hex').slice(0, HASH_CHARS)
  const start = sanitiseFileName(key)
    .replaceAll('\\', '-')
    .slice(0, Math.max(0, room - HASH_CHARS - 1))
  return start === '' ? `app-${hash}` : `app-${start}-${hash}`
}
