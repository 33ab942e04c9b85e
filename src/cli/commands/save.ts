import type { Command } from 'commander'

import { ask, askStarting, type Cli, homeOf } from '../cli.ts'
import { finish } from '../finish.ts'
import { sayOutcomes } from '../output/outcomes.ts'
import { sayFor } from '../output/say.ts'

export function addSave(program: Command, cli: Cli): void {
  program
    .command('save')
    .alias('dump')
    .description('keep the list of apps for "lbm resurrect"')
    .option('-f, --force', 'keep an empty list, too')
    .option('--json', 'print where it is kept')
    .action((options: { force?: boolean; json?: boolean }) => runSave(cli, options))
  program
    .command('cleardump')
    .description('put an empty list in the place of the saved one, which stays as its backup')
    .option('--json', 'print where it is kept')
    .action((options: { json?: boolean }) => runClearDump(cli, options))
  program
    .command('resurrect')
    .description('start the apps that were saved')
    .option('--no-wait', 'return after the spawn, ready or not')
    .option('--json', 'print what came of it as one JSON document')
    .action((options: { wait: boolean; json?: boolean }) => runResurrect(cli, options))
}

export async function runSave(
  cli: Cli,
  { force = false, json = false }: { force?: boolean; json?: boolean },
): Promise<void> {
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  say.info('Saving current process list...')
  const saved = await ask(cli, 'state.save', { force })
  if (json) cli.io.out(JSON.stringify(saved))
  if (saved.apps === 0 && !force) {
    say.warn(
      say.asPm2
        ? 'PM2 is not managing any process, skipping save...'
        : 'There is no app: what was saved before is kept (--force saves the empty list)',
    )
    return
  }
  say.info(`Successfully saved in ${saved.path}`)
}

export async function runClearDump(cli: Cli, { json = false }: { json?: boolean }): Promise<void> {
  const cleared = await askStarting(cli, 'state.clear', {})
  if (json) cli.io.out(JSON.stringify(cleared))
  else (await sayFor(cli)).info(`Successfully created ${cleared.path}`)
}

export async function runResurrect(
  cli: Cli,
  options: { wait: boolean; json?: boolean },
): Promise<void> {
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  say.info('Resurrecting')
  const { apps } = await askStarting(cli, 'state.resurrect', { wait: options.wait })
  if (say.asPm2) say.info(`Restoring processes located in ${homeOf(cli).saved}`)
  for (const { name, outcomes } of say.asPm2 ? apps : [])
    for (const _ of outcomes) say.info(`Process ${name} restored`)
  sayOutcomes(say, apps)
  await finish(cli, apps, options)
}
