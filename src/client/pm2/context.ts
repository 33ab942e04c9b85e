/** What the methods of PM2's API work with. */

import { isConfigFileName } from '../../config/config-file-name.ts'
import { findApps } from '../../config/config-shape.ts'
import { loadConfigFile } from '../../config/load.ts'
import type { AppDetail } from '../../contract/api.ts'
import { isLbmError } from '../../contract/errors.ts'
import type { HomePaths } from '../../contract/home.ts'
import { isDaemonDown } from '../call.ts'
import type { Client } from '../client.ts'
import type { Pm2Process } from '../pm2-process.ts'
import type { Wire } from '../wire.ts'
import { processesOfApps } from './descriptors.ts'
import { notFound } from './pm2-error.ts'

/** Name, id, namespace, `all`, `/pattern/`, an ecosystem file, or what one holds. */
export type Selector = string | number | object

export interface Context {
  client: Client
  wire: Wire
  home: () => HomePaths
  cwd: string
  env: NodeJS.ProcessEnv
}

/** None, where there is no daemon or nothing matches. */
export async function findDetails({ wire }: Context, selectors: string[]): Promise<AppDetail[]> {
  try {
    return (await wire.ask('app.describe', { selectors })).apps
  } catch (error) {
    if (isDaemonDown(error) || (isLbmError(error) && error.code === 'APP_NOT_FOUND')) return []
    throw error
  }
}

export async function findProcesses(context: Context, selectors: string[]): Promise<Pm2Process[]> {
  return processesOfApps(await findDetails(context, selectors), context.home())
}

/** @throws Error with PM2's words where one matches nothing */
export async function resolveSelector(context: Context, given: Selector): Promise<string[]> {
  if (typeof given === 'number') return [String(given)]
  const isFile = typeof given === 'string' && isConfigFileName(given)
  if (typeof given === 'string' && !isFile) return [given]
  const value = isFile ? await loadConfigFile(given) : given
  const names = findApps(value, isFile ? given : 'the object').map(({ definition }) =>
    String(definition['name'] ?? definition['script']),
  )
  const known = new Set((await findProcesses(context, ['all'])).map(({ name }) => name))
  const there = names.filter((name) => known.has(name))
  if (there.length === 0) throw notFound(names[0] ?? 'all')
  return there
}

/** Asks, with PM2's words for what is not there. */
export async function asking<T>(selector: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (isLbmError(error) && error.code === 'APP_NOT_FOUND') throw notFound(selector, error)
    throw error
  }
}
