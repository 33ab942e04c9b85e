import type { Command } from 'commander'

import { askAbout, type Cli } from '../cli.ts'
import { sayFor } from '../output/say.ts'
import { expandSelectors } from '../selectors.ts'
import { showList } from './list.ts'

export function addReset(program: Command, cli: Cli): void {
  program
    .command('reset')
    .argument('<apps...>', 'name, id, namespace, /pattern/ or all')
    .description('set the restart counters to 0')
    .option('--json', 'print the ids as one JSON document')
    .action((words: string[], options: { json?: boolean }) => runReset(cli, words, options))
}

export async function runReset(
  cli: Cli,
  words: readonly string[],
  { json = false }: { json?: boolean } = {},
): Promise<void> {
  const selectors = await expandSelectors(cli, words)
  const { ids } = await askAbout(cli, selectors, 'app.reset', { selectors })
  if (json) {
    cli.io.out(JSON.stringify({ ids }))
    return
  }
  const say = await sayFor(cli)
  for (const id of ids) say.info(`Resetting meta for process id ${id}`)
  await showList(cli)
}
