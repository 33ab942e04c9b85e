import { type Command, Option } from 'commander'

import { askAbout, type Cli } from '../cli.ts'
import { finish } from '../finish.ts'
import { sayAction, sayOutcomes } from '../output/outcomes.ts'
import { sayFor } from '../output/say.ts'
import { expandSelectors } from '../selectors.ts'
import { parseTimeout, waiting } from '../waiting.ts'
import { collectOnly } from './restart.ts'

export interface EndOptions {
  only?: string[]
  env?: string
  timeout?: string
  json?: boolean
}

export function addStop(program: Command, cli: Cli): void {
  program
    .command('stop')
    .argument('<apps...>', 'name, id, namespace, /pattern/, all, or an ecosystem file')
    .description('end instances; they stay in the list')
    .option('--only <names>', 'ecosystem file: these apps only', collectOnly)
    .option('--env <name>', 'ecosystem file: where the name of the app ends in it')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    // PM2 stops watching only where it is told to; here a stopped app is not watched.
    .addOption(new Option('--watch').hideHelp())
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm stop api\n  $ lbm stop 0 1\n  $ lbm stop all\n  $ lbm stop "/^worker-/"',
    )
    .action((words: string[], options: EndOptions) => runEnd(cli, 'app.stop', words, options))
}

export function addDelete(program: Command, cli: Cli): void {
  program
    .command('delete')
    .alias('del')
    .argument('<apps...>', 'name, id, namespace, /pattern/, all, or an ecosystem file')
    .description('end instances and forget them')
    .option('--only <names>', 'ecosystem file: these apps only', collectOnly)
    .option('--env <name>', 'ecosystem file: where the name of the app ends in it')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    .addHelpText('after', '\nExamples:\n  $ lbm delete api\n  $ lbm delete all')
    .action((words: string[], options: EndOptions) => runEnd(cli, 'app.delete', words, options))
}

export async function runEnd(
  cli: Cli,
  method: 'app.stop' | 'app.delete',
  words: readonly string[],
  options: EndOptions,
): Promise<void> {
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  const selectors = await expandSelectors(cli, words, options)
  const action = method === 'app.stop' ? 'stop' : 'delete'
  sayAction(say, action, words)
  const timeoutMs = parseTimeout(options.timeout)
  const { apps } = await waiting(cli, { timeoutMs, meanwhile: 'the stop goes on' }, (signal) =>
    askAbout(cli, selectors, method, { selectors }, { signal }),
  )
  sayOutcomes(say, apps, { action, words })
  await finish(cli, apps, options)
}
