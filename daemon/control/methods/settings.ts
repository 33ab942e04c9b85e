/** `settings.read` and `settings.write`: names and texts that users keep with `lbm set`. */

import { readFile } from 'node:fs/promises'

import type { DaemonApi } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import { readSettings, type Settings } from '../../../src/contract/settings.ts'
import { writeFileAtomic } from '../../kernel/atomic-file.ts'

type Methods = Pick<Implementation<DaemonApi>, 'settings.read' | 'settings.write'>

export function settingsMethods(path: string): Methods {
  let last: Promise<unknown> = Promise.resolve()

  /** One after another, so that of two changes at once neither is lost. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work, work)
    last = turn
    return turn
  }

  return {
    'settings.read': () => inTurn(async () => ({ settings: await read(path) })),
    'settings.write': ({ changes }) =>
      inTurn(async () => {
        const before = Object.entries(await read(path)).filter(
          ([key]) => !Object.hasOwn(changes, key),
        )
        const set = Object.entries(changes).filter(([, value]) => value !== null)
        const settings = Object.fromEntries([...before, ...set]) as Settings
        await writeFileAtomic(path, `${JSON.stringify(settings, null, 2)}\n`)
        return { settings }
      }),
  }
}

/** @throws LbmError STATE_UNREADABLE rather than writing over what cannot be read */
async function read(path: string): Promise<Settings> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw unreadable(path, (error as Error).message, error)
  }
  const settings = readSettings(text)
  if (settings === undefined) throw unreadable(path, 'it is no JSON object of texts')
  return settings
}

function unreadable(path: string, why: string, cause?: unknown): LbmError {
  return new LbmError('STATE_UNREADABLE', `Cannot read the settings in ${path}: ${why}.`, {
    hint: 'mend the file, or remove it',
    cause,
  })
}
