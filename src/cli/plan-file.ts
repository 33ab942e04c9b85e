/** What `plan` and `apply` begin with: the file, what runs, and what differs. */

import { appName } from '../config/app-name.ts'
import { findConfigFile } from '../config/find-config-file.ts'
import { type AppPlan, planApps } from '../config/plan/plan-apps.ts'
import type { AppSpec } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'
import type { Cli } from './cli.ts'
import { fetchDetails } from './commands/jlist.ts'
import { currentFolder } from './current-folder.ts'
import { type FileOptions, loadFile } from './load-apps.ts'
import type { Say } from './output/say.ts'

export interface PlanOptions extends FileOptions {
  prune?: boolean
  updateEnv?: boolean
}

export interface FilePlan {
  /** As it was named. */
  file: string
  apps: AppPlan[]
}

/** @param given undefined: the file of the current folder @throws LbmError USAGE, and what `loadFile` throws */
export async function planFile(
  cli: Cli,
  say: Say,
  given: string | undefined,
  { prune = false, updateEnv = false, ...selection }: PlanOptions,
): Promise<FilePlan> {
  if (prune && selection.only !== undefined) {
    throw new LbmError('USAGE', '--prune looks at the whole file, --only at some of its apps.', {
      hint: 'leave one of them out',
    })
  }
  const file = given ?? fileOfFolder()
  const { specs, names, path } = await loadFile(cli, file, selection, say)
  const apps = planApps({
    specs,
    running: await fetchDetails(cli),
    file: selection.only === undefined ? { path, names, baseNameOf } : undefined,
    prune,
    updateEnv,
  })
  return { file, apps }
}

/** What it is called without what `append_env_to_name` appends. */
function baseNameOf({ name, raw }: AppSpec): string {
  return raw['append_env_to_name'] === true ? appName(raw, undefined) : name
}

function fileOfFolder(): string {
  const file = findConfigFile(currentFolder())
  if (file !== undefined) return file
  throw new LbmError('USAGE', 'No file was named, and this folder has no ecosystem file.', {
    hint: '"lbm init" writes an ecosystem.config.js',
  })
}
