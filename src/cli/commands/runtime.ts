import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import type { Command } from 'commander'

import { isConfigFileName } from '../../config/config-file-name.ts'
import type { AppSpec } from '../../contract/app.ts'
import { LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import type { LineShape } from '../foreground/foreground-specs.ts'
import type { ForegroundOptions } from '../foreground/run-foreground.ts'
import { sayFor } from '../output/say.ts'
import { addAppOptions, addIgnoredOptions, type AppOptions } from '../start-options.ts'
import { parseTimeout } from '../waiting.ts'
import { collectOnly } from './restart.ts'

export interface RuntimeOptions extends AppOptions {
  env?: string
  only?: string[]
  strict?: boolean
  json?: boolean
  format?: boolean
  formatted?: boolean
  raw?: boolean
  delay?: string
  web?: string | true
  autoExit?: boolean
}

/** What `lbm-runtime` runs; PM2's options of that name. */
export function addRuntime(program: Command, cli: Cli): void {
  const command = program
    .command('runtime', { hidden: true })
    .argument('[what...]', 'script, program, "command line" or ecosystem file')
    .usage('[start] <what> [options] [-- args for the app]')
    .description('run apps in the foreground, as the main process of a container')
  addAppOptions(command)
  addIgnoredOptions(command)
    .option('--env <name>', 'ecosystem file: add what env_<name> holds')
    .option('--only <names>', 'ecosystem file: these apps only', collectOnly)
    .option('--strict', 'ecosystem file: refuse unknown keys')
    .option('--raw', 'output as it is (the default)')
    .option('--json', 'output as one JSON record a line')
    .option('--format', 'output as key=value pairs')
    .option('--formatted', "output with the app's id and name before each line")
    .option('--delay <time>', 'wait before the start, 5 (seconds) or 500ms')
    .option('--no-auto-exit', 'stay when no app is left')
    .allowUnknownOption()
  for (const flag of ['--web [port]', '--secret <key>', '--public <key>', '--machine-name <name>'])
    command.addOption(command.createOption(flag).hideHelp())
  command
    .addHelpText(
      'after',
      `
Examples:
  CMD ["lbm-runtime", "app.js"]                       exits as the app exits
  CMD ["lbm-runtime", "app.js", "-i", "max"]          a cluster; a worker that dies is replaced
  CMD ["lbm-runtime", "ecosystem.config.js", "--env", "production"]`,
    )
    .action((what: string[], options: RuntimeOptions) => runRuntime(cli, what, options))
}

async function runRuntime(
  cli: Cli,
  words: readonly string[],
  options: RuntimeOptions,
): Promise<void> {
  const say = await sayFor(cli)
  const given = withoutStart(words)
  for (const word of given.filter((one) => one.startsWith('-')))
    say.warn(`${word} is unknown here, and left out`)
  if (options.web !== undefined) say.warn('--web is not supported: there is no such API')
  const what = given.filter((one) => !one.startsWith('-'))
  const specs = await specsOf(cli, what, options)
  await delay(parseTimeout(options.delay) ?? 0)
  await runInForeground(cli, specs, {
    shape: shapeOf(options),
    stays: options.autoExit === false,
    prunes: true,
  })
}

/** `pm2-runtime start app.js` is `pm2-runtime app.js`, and so is `pm2-dev`'s. */
export function withoutStart(words: readonly string[]): readonly string[] {
  return words[0] === 'start' && !existsSync('start') ? words.slice(1) : words
}

function shapeOf({ json, format, formatted, raw }: RuntimeOptions): LineShape | undefined {
  if (json) return 'json'
  if (format) return 'pairs'
  if (formatted) return 'prefixed'
  return raw ? 'raw' : undefined
}

/** @throws LbmError USAGE, or what is wrong with a definition */
export async function specsOf(
  cli: Cli,
  what: readonly string[],
  options: RuntimeOptions,
): Promise<AppSpec[]> {
  const targets = what.length > 0 ? what : [await ecosystemFile()]
  const specs: AppSpec[] = []
  for (const target of targets) specs.push(...(await specsOfTarget(cli, target, options)))
  return specs
}

async function specsOfTarget(
  cli: Cli,
  target: string,
  options: RuntimeOptions,
): Promise<AppSpec[]> {
  if (target === '-' || isConfigFileName(target)) {
    const { loadApps } = await import('../load-apps.ts')
    return await loadApps(cli, target, options)
  }
  const { specFromOptions } = await import('../../config/spec-from-options.ts')
  const place = { cwd: currentFolder(), env: cli.io.env }
  const { spec, warnings } = specFromOptions(target, cli.passthrough, { ...options }, place)
  const say = await sayFor(cli)
  for (const warning of warnings) say.warn(`${spec.name}: ${warning}`)
  return [spec]
}

async function ecosystemFile(): Promise<string> {
  const { findConfigFile } = await import('../../config/find-config-file.ts')
  const file = findConfigFile(currentFolder())
  if (file !== undefined) return file
  throw new LbmError('USAGE', 'There is nothing to run: no script was named.', {
    hint: 'lbm-runtime app.js',
  })
}

export interface InForeground extends ForegroundOptions {
  shape?: LineShape | undefined
}

/** Ends the process with the app's exit code. */
export async function runInForeground(
  cli: Cli,
  specs: readonly AppSpec[],
  { shape, ...options }: InForeground,
): Promise<never> {
  const { foregroundSpecs, hasOneOutput } = await import('../foreground/foreground-specs.ts')
  const { runForeground } = await import('../foreground/run-foreground.ts')
  return await runForeground(
    cli,
    foregroundSpecs(specs, { shape, isOneOutput: hasOneOutput() }),
    options,
  )
}
