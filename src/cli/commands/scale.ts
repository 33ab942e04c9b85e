import type { Command } from 'commander'

import { askAbout, type Cli } from '../cli.ts'
import { finish } from '../finish.ts'
import { sayOutcomes } from '../output/outcomes.ts'
import { sayFor } from '../output/say.ts'
import { parseTimeout, waiting } from '../waiting.ts'

export interface ScaleOptions {
  wait: boolean
  timeout?: string
  json?: boolean
}

export function addScale(program: Command, cli: Cli): void {
  program
    .command('scale')
    .argument('<app>', 'name or id')
    .argument('<n>', 'how many instances: 4, or +2 or -1')
    .description('change the number of instances')
    .option('--no-wait', 'return after the spawn, ready or not')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm scale api 4\n  $ lbm scale api +2\n  $ lbm scale api -1',
    )
    .action((app: string, to: string, options: ScaleOptions) => runScale(cli, app, to, options))
}

export async function runScale(
  cli: Cli,
  selector: string,
  to: string,
  options: ScaleOptions,
): Promise<void> {
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  if (!say.asPm2) say.info(`Scaling ${selector} to ${to}`)
  const timeoutMs = parseTimeout(options.timeout)
  const result = await waiting(cli, { timeoutMs, meanwhile: 'the change goes on' }, (signal) =>
    askAbout(cli, [selector], 'app.scale', { selector, to, wait: options.wait }, { signal }),
  )
  sayOutcomes(say, [result])
  if (say.asPm2 && result.to > result.from) say.info('Scaling up application')
  say.info(`[${result.name}] ${result.from} → ${result.to} instances`)
  await finish(cli, [result], options)
}
