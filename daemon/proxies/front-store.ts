/** Which configurations lbm applied, kept over restarts of the daemon. */

import { readFileSync, renameSync } from 'node:fs'

import * as v from 'valibot'

import { LbmError } from '../../src/contract/errors.ts'
import { haproxyPlace, nginxPlace, proxyOptions } from '../../src/contract/proxy-schemas.ts'
import { PROXY_KINDS } from '../../src/contract/proxy.ts'
import { writeFileAtomic } from '../kernel/atomic-file.ts'
import { loadCrypto } from '../kernel/crypto.ts'
import type { Front } from './front.ts'

const schema = v.object({
  v: v.literal(1),
  cookieKey: v.pipe(v.string(), v.regex(/^[0-9a-f]{16,}$/)),
  fronts: v.array(
    v.object({
      kind: v.picklist(PROXY_KINDS),
      file: v.string(),
      apps: v.array(v.string()),
      options: proxyOptions,
      place: v.object({
        nginx: nginxPlace,
        haproxy: haproxyPlace,
        control: v.string(),
        controlName: v.string(),
        socket: v.string(),
      }),
      version: v.tuple([v.number(), v.number(), v.number()]),
      generation: v.string(),
    }),
  ),
})

export interface FrontStore {
  /** So that cookies stay valid over reloads, and are not guessed. */
  cookieKey: string
  all(): readonly Front[]
  /** @throws LbmError OPERATION_FAILED */
  put(front: Front): Promise<void>
  remove(file: string): Promise<void>
}

/** A file that does not hold is set aside: the apps are not to wait for it. */
export function openFrontStore(
  path: string,
  log: (event: string, fields: Record<string, unknown>) => void,
): FrontStore {
  const state = read(path, log)
  let { fronts } = state

  async function save(next: Front[]): Promise<void> {
    fronts = next
    const text = JSON.stringify({ v: 1, cookieKey: state.cookieKey, fronts }, undefined, 2)
    try {
      await writeFileAtomic(path, `${text}\n`)
    } catch (cause) {
      throw new LbmError(
        'OPERATION_FAILED',
        `${path} cannot be written: ${(cause as Error).message}`,
        {
          cause,
        },
      )
    }
  }

  return {
    cookieKey: state.cookieKey,
    all: () => fronts,
    put: (front) => save([...fronts.filter(({ file }) => file !== front.file), front]),
    remove: (gone) => save(fronts.filter(({ file }) => file !== gone)),
  }
}

function read(
  path: string,
  log: (event: string, fields: Record<string, unknown>) => void,
): { cookieKey: string; fronts: Front[] } {
  try {
    return v.parse(schema, JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') {
      const aside = `${path}.corrupt`
      renameSync(path, aside)
      log('proxies.unreadable', { path, aside, message: (cause as Error).message })
    }
    return { cookieKey: loadCrypto().randomBytes(16).toString('hex'), fronts: [] }
  }
}
