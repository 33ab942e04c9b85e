/** A stored definition with some keys changed. */

import type { AppSpec } from '../contract/app.ts'
import { buildSpec } from './app-spec.ts'
import { checkOptions } from './options.ts'

/**
 * The rest is built anew from what the user once wrote, with the stored environment in place of the shell's.
 * @throws LbmError USAGE for a wrong value, or what `buildSpec` throws
 */
export function redefineSpec(spec: AppSpec, changes: Record<string, unknown>): AppSpec {
  const definition = {
    ...spec.raw,
    script: spec.command ?? spec.script,
    name: spec.name,
    cwd: spec.cwd,
    ...changes,
  }
  const { app, raw } = checkOptions(definition)
  const {
    name_prefix: _prefix,
    append_env_to_name: _append,
    env_file: _files,
    filter_env: _filter,
    ...rest
  } = app
  const built = buildSpec(rest, { cwd: spec.cwd, env: spec.env, raw, source: spec.source })
  const { envReferences: _ofStored, ...rebuilt } = built.spec
  return {
    ...rebuilt,
    env: spec.env,
    envSources: spec.envSources,
    ...(spec.envReferences === undefined ? {} : { envReferences: spec.envReferences }),
    username: spec.username,
  }
}
