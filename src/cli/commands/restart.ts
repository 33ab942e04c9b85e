import type { Command } from 'commander'

import type { ActionOutcome } from '../../client/failures.ts'
import { changedSpecs, shellEnvironment } from '../changes.ts'
import { askAbout, type Cli } from '../cli.ts'
import { finish } from '../finish.ts'
import { sayAction, sayOutcomes } from '../output/outcomes.ts'
import { type Say, sayFor } from '../output/say.ts'
import { sortWords } from '../selectors.ts'
import { addAppOptions, addIgnoredOptions, type AppOptions } from '../start-options.ts'
import { parseTimeout, waiting } from '../waiting.ts'

export interface ChangeOptions extends AppOptions {
  timeout?: string
  updateEnv?: boolean
  env?: string
  only?: string[]
  strict?: boolean
  attach?: boolean
  json?: boolean
}

export interface RestartOptions extends ChangeOptions {
  wait: boolean
  rolling?: boolean
}

export function addRestart(program: Command, cli: Cli): void {
  const command = program
    .command('restart')
    .argument('<apps...>', 'name, id, namespace, /pattern/, all, or an ecosystem file')
    .description('stop and start again; start what is stopped')
  addChangeOptions(command)
    .option(
      '--rolling',
      'instances of a cluster one after another, with no request lost (as reload)',
    )
    .option('--no-wait', 'return after the spawn, ready or not')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm restart api\n  $ lbm restart all --update-env\n  $ lbm restart api -i 4',
    )
    .action((words: string[], options: RestartOptions) => runRestart(cli, words, options))
  program
    .command('startOrRestart')
    .argument('<file>', 'ecosystem file')
    .description('restart the apps of a file, start missing ones')
    .option('-a, --update-env', 'take the environment of this shell')
    .option('--env <name>', 'add what env_<name> holds')
    .option('--only <names>', 'these apps only', collectOnly)
    .option('--strict', 'refuse unknown keys')
    .option('--no-wait', 'return after the spawn, ready or not')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    .option('--ci', CI_HELP)
    .action((file: string, options: RestartOptions) => runRestart(cli, [file], options))
}

export const CI_HELP = "for a pipeline: folds its log, and annotates what fails (GitHub's commands)"

export const collectOnly = (text: string, before: string[] = []): string[] => [...before, text]

/** What `restart` and `reload` have in common. */
export function addChangeOptions(command: Command): Command {
  addAppOptions(command)
  return addIgnoredOptions(command)
    .option('-a, --update-env', 'take the environment of this shell')
    .option('--env <name>', 'ecosystem file: add what env_<name> holds')
    .option('--only <names>', 'ecosystem file: these apps only', collectOnly)
    .option('--strict', 'ecosystem file: refuse unknown keys')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    .option('--attach', 'then show what the apps print; Ctrl-C ends that, not the apps')
    .option('--ci', CI_HELP)
}

export async function runRestart(
  cli: Cli,
  words: readonly string[],
  options: RestartOptions,
): Promise<void> {
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  const { files, names } = sortWords(words)
  const timeoutMs = parseTimeout(options.timeout)
  const apps: ActionOutcome[] = []
  await waiting(cli, { timeoutMs, meanwhile: 'the restart goes on' }, async (signal) => {
    for (const file of files) {
      const { startFile } = await import('../start-file.ts')
      apps.push(...(await startFile(cli, say, file, { ...options, existing: 'restart' }, signal)))
    }
    if (names.length > 0) apps.push(...(await restartNames(cli, say, names, options, signal)))
  })
  await finish(cli, apps, options)
  if (options.attach) await (await import('./logs.ts')).attachTo(cli, apps)
}

/** PM2's line has no prefix. */
export function sayUpdateEnv(cli: Cli, say: Say): void {
  if (!say.asPm2) say.info('Use --update-env to take the environment of this shell')
  else if (!cli.silent) cli.io.out('Use --update-env to update environment variables')
}

async function restartNames(
  cli: Cli,
  say: Say,
  names: string[],
  options: RestartOptions,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  const { wait, rolling = false, updateEnv = false } = options
  const specs = await changedSpecs(cli, names, options)
  sayAction(say, 'restart', names)
  if (!updateEnv) sayUpdateEnv(cli, say)
  const params = {
    selectors: names,
    wait,
    rolling,
    ...(updateEnv ? { env: shellEnvironment(cli.io.env) } : {}),
    ...(specs.length > 0 ? { specs } : {}),
  }
  const { apps } = await askAbout(cli, names, 'app.restart', params, { signal })
  sayOutcomes(say, apps, { action: 'restart', words: names })
  return apps
}
