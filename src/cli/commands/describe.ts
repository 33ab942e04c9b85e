import type { Command } from 'commander'

import { toPm2Process } from '../../client/pm2-process.ts'
import { askAbout, type Cli, homeOf } from '../cli.ts'
import { paletteFor } from '../io.ts'
import { expandSelectors } from '../selectors.ts'

interface DescribeOptions {
  json?: boolean
  reveal?: boolean
}

export function addDescribe(program: Command, cli: Cli): void {
  program
    .command('describe')
    .aliases(['show', 'info', 'desc'])
    .argument('<apps...>', 'name, id, namespace, /pattern/ or all')
    .description('all that is known of instances')
    .option('--reveal', 'print values of secret-looking variables, too')
    .option('--json', "print one JSON document, in jlist's shape")
    .action((words: string[], options: DescribeOptions) => runDescribe(cli, words, options))
}

export async function runDescribe(
  cli: Cli,
  words: readonly string[],
  { json = false, reveal = false }: DescribeOptions,
): Promise<void> {
  const selectors = await expandSelectors(cli, words)
  const { apps } = await askAbout(cli, selectors, 'app.describe', { selectors, reveal })
  const home = homeOf(cli)
  if (json) {
    const processes = apps.flatMap(({ record, instances, nextRunMs, evenness }) =>
      instances.map((view) => toPm2Process(record, view, { home, reveal, nextRunMs, evenness })),
    )
    cli.io.out(JSON.stringify(processes, null, 2))
    return
  }
  if (cli.silent) return
  const { describeInstance } = await import('../output/describe-instance.ts')
  const palette = await paletteFor(cli.io)
  const nowMs = Date.now()
  for (const { record, instances, nextRunMs, evenness } of apps) {
    const context = { home, palette, reveal, nowMs, nextRunMs, evenness }
    for (const view of instances) cli.io.out(describeInstance(record, view, context))
  }
}
