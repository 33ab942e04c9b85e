/** Where the apps are in what a file holds. */

import { LbmError } from '../contract/errors.ts'
import { isRecord } from './kinds.ts'
import { canonicalKey } from './pm2-keys.ts'
import { showValue } from './problems.ts'
import { staticServers, withServeProgram } from './static-servers.ts'

export interface FoundApp {
  definition: Record<string, unknown>
  /** `apps[1]`, or nothing for a file that is one app. */
  place: string
}

/** Apps and static servers. @throws LbmError CONFIG_INVALID */
export function findApps(value: unknown, file: string): FoundApp[] {
  const servers =
    isRecord(value) && value['static'] !== undefined ? staticServers(value['static'], file) : []
  const isServersOnly =
    servers.length > 0 && isRecord(value) && APP_LISTS.every((key) => value[key] === undefined)
  const apps = isServersOnly ? [] : findWritten(value, file)
  return [
    ...apps.map(({ definition, place }) => ({ definition: withServeProgram(definition), place })),
    ...servers.map((definition, index) => ({ definition, place: `static[${index}]` })),
  ]
}

const APP_LISTS = ['apps', 'pm2', 'lbm']

/** `{ apps }` (or `{ pm2 }`, as in a package.json), an array of apps, or one app. */
function findWritten(value: unknown, file: string): FoundApp[] {
  const key = isRecord(value) ? APP_LISTS.find((name) => value[name] !== undefined) : undefined
  if (isRecord(value) && key !== undefined) return fromList(value[key], file, key)
  if (Array.isArray(value)) return fromList(value, file, '')
  if (isRecord(value) && Object.keys(value).some((name) => canonicalKey(name) === 'script')) {
    return [{ definition: value, place: '' }]
  }
  throw noApps(file, value)
}

function fromList(value: unknown, file: string, key: string): FoundApp[] {
  // `pm2: { apps: […] }` is found in package.json files.
  if (isRecord(value) && value['apps'] !== undefined)
    return fromList(value['apps'], file, `${key}.apps`)
  const list: unknown[] = Array.isArray(value) ? value : [value]
  if (list.length === 0) throw noApps(file, value)
  return list.map((definition, index) => {
    const place = Array.isArray(value) ? `${key}[${index}]` : key
    if (isRecord(definition)) return { definition, place }
    throw new LbmError(
      'CONFIG_INVALID',
      `${file}: ${place}: expected an app (an object with "script"), got ${showValue(definition)}`,
    )
  })
}

function noApps(file: string, value: unknown): LbmError {
  return new LbmError(
    'CONFIG_INVALID',
    `${file} holds no app: expected { apps: [{ script: "app.js" }] }, got ${showValue(value)}`,
    {
      hint: 'a JavaScript file must export it: module.exports = { apps: […] }, or export default { apps: […] }',
    },
  )
}
