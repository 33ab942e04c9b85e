/** `lbm start <script> [options]`: from the command line to a definition. */

import { buildSpec, type SpecContext, type SpecResult } from './app-spec.ts'
import { checkOptions, definitionOf, type GivenOptions } from './options.ts'

/** @throws LbmError USAGE for the options, or what `buildSpec` throws */
export function specFromOptions(
  script: string,
  args: readonly string[],
  options: GivenOptions,
  context: Pick<SpecContext, 'cwd' | 'env' | 'cpus'>,
): SpecResult {
  const definition = {
    script,
    ...(args.length === 0 ? {} : { args: [...args] }),
    ...definitionOf(options),
  }
  const { app, raw } = checkOptions(definition)
  return buildSpec(app, { ...context, raw })
}
