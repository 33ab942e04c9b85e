import type { Command } from 'commander'

import type { ActionOutcome } from '../../client/failures.ts'
import { changedSpecs, shellEnvironment } from '../changes.ts'
import { askAbout, type Cli } from '../cli.ts'
import { finish } from '../finish.ts'
import { sayAction } from '../output/outcomes.ts'
import { sayReloads, sayReloadsAsPm2 } from '../output/rollouts.ts'
import { type Say, sayFor } from '../output/say.ts'
import { withProgress } from '../reload-progress.ts'
import { sortWords } from '../selectors.ts'
import { parseTimeout, waiting } from '../waiting.ts'
import { fetchViews } from './list.ts'
import {
  addChangeOptions,
  type ChangeOptions,
  CI_HELP,
  collectOnly,
  sayUpdateEnv,
} from './restart.ts'

export interface ReloadOptions extends ChangeOptions {
  supersede?: boolean
  force?: boolean
  rollback?: boolean
}

export function addReload(program: Command, cli: Cli): void {
  const command = program
    .command('reload')
    .argument('<apps...>', 'name, id, namespace, /pattern/, all, or an ecosystem file')
    .description('a new version with no request lost, or back if it fails')
  addChangeOptions(command)
    .option('--supersede', 'take the place of a reload of this app that is under way')
    .option('-f, --force', 'the same, under the name it has for PM2')
    .option('--rollback', 'go back to the definition that ran before')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm reload api\n  $ lbm reload ecosystem.config.js --env production\n  $ lbm reload api --rollback',
    )
    .action((words: string[], options: ReloadOptions) => runReload(cli, words, options))
  program
    .command('startOrReload')
    .alias('startOrGracefulReload')
    .argument('<file>', 'ecosystem file')
    .description('reload the apps of a file, start missing ones')
    .option('-a, --update-env', 'take the environment of this shell')
    .option('--env <name>', 'add what env_<name> holds')
    .option('--only <names>', 'these apps only', collectOnly)
    .option('--strict', 'refuse unknown keys')
    .option('--supersede', 'take the place of a reload that is under way')
    .option('-f, --force', 'the same, under the name it has for PM2')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    .option('--ci', CI_HELP)
    .action((file: string, options: ReloadOptions) => runReload(cli, [file], options))
}

export async function runReload(
  cli: Cli,
  words: readonly string[],
  options: ReloadOptions,
): Promise<void> {
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  const { files, names } = sortWords(words)
  const timeoutMs = parseTimeout(options.timeout)
  const { force, supersede = force === true, ...rest } = options
  const apps: ActionOutcome[] = []
  await waiting(cli, { timeoutMs, meanwhile: 'the reload goes on' }, async (signal) => {
    for (const file of files) {
      const { startFile } = await import('../start-file.ts')
      apps.push(
        ...(await startFile(
          cli,
          say,
          file,
          { ...rest, supersede, wait: true, existing: 'reload' },
          signal,
        )),
      )
    }
    if (names.length > 0)
      apps.push(...(await reloadNames(cli, say, names, { ...rest, supersede }, signal)))
  })
  // PM2 prints no table here, and scripts read the check marks.
  await finish(cli, apps, { json: options.json, table: false })
  if (options.attach) await (await import('./logs.ts')).attachTo(cli, apps)
}

async function reloadNames(
  cli: Cli,
  say: Say,
  names: string[],
  options: ReloadOptions,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  const { supersede = false, rollback = false, updateEnv = false } = options
  const specs = await changedSpecs(cli, names, options)
  sayAction(say, 'reload', names)
  if (!updateEnv && !rollback) sayUpdateEnv(cli, say)
  const params = {
    selectors: names,
    supersede,
    rollback,
    ...(updateEnv ? { env: shellEnvironment(cli.io.env) } : {}),
    ...(specs.length > 0 ? { specs } : {}),
  }
  const { apps } = await withProgress(cli, say, names, () =>
    askAbout(cli, names, 'app.reload', params, { signal }),
  )
  if (say.asPm2) sayReloadsAsPm2(say, apps, names, await fetchViews(cli))
  else sayReloads(say, apps)
  return apps
}
