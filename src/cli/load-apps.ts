/** An ecosystem file named on the command line, as definitions. */

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { loadConfigFile } from '../config/load.ts'
import { definitionOf } from '../config/options.ts'
import { parseJson } from '../config/parse-text.ts'
import { readApps, readNames, sourceOf, STDIN } from '../config/read-apps.ts'
import type { AppSpec } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'
import type { Cli } from './cli.ts'
import { currentFolder } from './current-folder.ts'
import { type Say, sayFor } from './output/say.ts'

export interface FileOptions {
  only?: string[] | undefined
  env?: string | undefined
  strict?: boolean | undefined
}

export interface LoadedFile {
  specs: AppSpec[]
  /** As `AppSpec.source` has it. */
  path: string
  /** Of all its apps, without what `append_env_to_name` appends. */
  names: string[]
}

/** @param file a path, or `-` for JSON on stdin @throws LbmError CONFIG_INVALID and what `readApps` throws */
export async function loadApps(
  cli: Cli,
  file: string,
  options: FileOptions & object,
  say?: Say,
): Promise<AppSpec[]> {
  return (await loadFile(cli, file, options, say)).specs
}

/** The same, and what else the file says. */
export async function loadFile(
  cli: Cli,
  file: string,
  options: FileOptions & object,
  say?: Say,
): Promise<LoadedFile> {
  const value = await readValue(file)
  const overrides = definitionOf({ ...options })
  const { specs, warnings, names } = readApps(value, {
    file: placeOf(file),
    cwd: currentFolder(),
    env: cli.io.env,
    environmentName: options.env,
    only: namesIn(options.only),
    strict: options.strict,
    overrides,
  })
  if (specs.some(({ cronRestart }) => cronRestart !== undefined)) {
    const { checkCrons } = await import('../config/check-crons.ts')
    checkCrons(specs, file)
  }
  const { warn } = say ?? (await sayFor(cli))
  for (const warning of warnings) warn(warning)
  if (overrides['name'] !== undefined && specs.length > 1) {
    throw new LbmError('USAGE', `--name cannot name ${specs.length} apps.`, {
      hint: 'choose one by --only',
    })
  }
  return { specs, names, path: sourceOf(placeOf(file), currentFolder()) }
}

/** Names of the apps of a file. @throws LbmError CONFIG_INVALID and what `readNames` throws */
export async function loadNames(file: string, { only, env }: FileOptions): Promise<string[]> {
  const value = await readValue(file)
  return readNames(value, { file: placeOf(file), only: namesIn(only), environmentName: env })
}

async function readValue(file: string): Promise<unknown> {
  return file === '-'
    ? parseJson(readFileSync(0, 'utf8'), STDIN)
    : await loadConfigFile(resolve(currentFolder(), file))
}

function placeOf(file: string): string {
  return file === '-' ? STDIN : file
}

/** `--only a,b --only c`. */
function namesIn(only: string[] | undefined): string[] | undefined {
  return only?.flatMap((names) => names.split(/[\s,]+/)).filter((name) => name !== '')
}
