/** What options of `restart` and `reload` change in the definition of an app. */

import { isOwnMark } from '../config/own-marks.ts'
import type { AppSpec } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'
import { askAbout, type Cli } from './cli.ts'

/** `lbm restart api -i 4`: the stored definitions with these keys changed; none when no option says anything. */
export async function changedSpecs(
  cli: Cli,
  names: readonly string[],
  options: { env?: string } & object,
): Promise<AppSpec[]> {
  if (options.env !== undefined) {
    throw new LbmError('USAGE', '--env chooses from an ecosystem file, and none was named.', {
      hint: 'lbm restart ecosystem.config.js --env production; or NAME=value lbm restart <app> --update-env',
    })
  }
  const { definitionOf } = await import('../config/options.ts')
  const changes = definitionOf({ ...options })
  if (Object.keys(changes).length === 0) return []
  if (changes['name'] !== undefined) {
    throw new LbmError('UNSUPPORTED', 'An app keeps its name.', {
      hint: 'delete it and start it under the new one',
    })
  }
  const { redefineSpec } = await import('../config/redefine-spec.ts')
  const { apps } = await askAbout(cli, names, 'app.describe', {
    selectors: [...names],
    reveal: true,
  })
  return apps.map(({ record }) => redefineSpec(record.spec, changes))
}

/** The caller's environment as an app would get it. */
export function shellEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !isOwnMark(name)) kept[name] = value
  }
  return kept
}
