import type { Command } from 'commander'

import type { Cli } from '../cli.ts'
import { paletteFor } from '../io.ts'
import { sayFor } from '../output/say.ts'
import type { PlanOptions } from '../plan-file.ts'
import { collectOnly } from './restart.ts'

interface PlanCommandOptions extends PlanOptions {
  exitCode?: boolean
  reveal?: boolean
  json?: boolean
}

/** Of `plan --exit-code`: 1, 2 and 3 are failures. */
const EXIT_CHANGES = 4

export function addPlan(program: Command, cli: Cli): void {
  const command = program
    .command('plan')
    .argument('[file]', "ecosystem file; the folder's own when left out")
    .description('what "lbm apply" would change, key by key; changes nothing')
  addFileOptions(command)
    .option('--exit-code', `exit ${EXIT_CHANGES} when there is something to do`)
    .option('--reveal', 'print values of secret-looking variables, too')
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm plan ecosystem.config.js --env production\n  $ lbm plan --prune --json',
    )
    .action((file: string | undefined, options: PlanCommandOptions) => runPlan(cli, file, options))
}

/** What `plan` and `apply` have in common. */
export function addFileOptions(command: Command): Command {
  return command
    .option('--env <name>', 'add what env_<name> holds')
    .option('--only <names>', 'these apps only', collectOnly)
    .option('--prune', 'delete apps that came from this file and are not in it any more')
    .option('-a, --update-env', 'take the variables of this shell, too')
    .option('--strict', 'refuse unknown keys')
}

export async function runPlan(
  cli: Cli,
  given: string | undefined,
  { exitCode = false, reveal = false, json = false, ...options }: PlanCommandOptions,
): Promise<void> {
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  const [{ planFile }, { planDocument, planLines, planSummary }, { isNothingToDo }] =
    await Promise.all([
      import('../plan-file.ts'),
      import('../output/plan-text.ts'),
      import('../../config/plan/plan-apps.ts'),
    ])
  const { file, apps } = await planFile(cli, say, given, options)
  if (json) {
    const document = { file, apps: apps.map((app) => planDocument(app, reveal)) }
    cli.io.out(JSON.stringify(document, null, 2))
  } else {
    cli.io.out(`${file}: ${planSummary(apps)}`)
    for (const line of planLines(apps, await paletteFor(cli.io), reveal)) cli.io.out(line)
  }
  if (exitCode && !isNothingToDo(apps)) cli.exitCode = EXIT_CHANGES
}
