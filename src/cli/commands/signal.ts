import { constants } from 'node:os'

import type { Command } from 'commander'

import { didYouMean, LbmError } from '../../contract/errors.ts'
import { askAbout, type Cli } from '../cli.ts'
import { sayFor } from '../output/say.ts'
import { expandSelectors } from '../selectors.ts'
import { showList } from './list.ts'

export function addSignal(program: Command, cli: Cli): void {
  program
    .command('sendSignal')
    .alias('signal')
    .argument('<signal>', 'its name, such as SIGUSR2')
    .argument('<apps...>', 'name, id, namespace, /pattern/ or all')
    .description('send a signal to instances')
    .option('--json', 'print who got it as one JSON document')
    .addHelpText('after', '\nExamples:\n  $ lbm sendSignal SIGUSR2 api')
    .action((signal: string, words: string[], options: { json?: boolean }) =>
      runSignal(cli, signal, words, options),
    )
}

export async function runSignal(
  cli: Cli,
  given: string,
  words: readonly string[],
  { json = false }: { json?: boolean } = {},
): Promise<void> {
  const signal = parseSignal(given)
  const selectors = await expandSelectors(cli, words)
  const { signalled } = await askAbout(cli, selectors, 'app.signal', { selectors, signal })
  if (json) {
    cli.io.out(JSON.stringify({ signal, signalled }, null, 2))
    return
  }
  const say = await sayFor(cli)
  if (say.asPm2 && !cli.silent)
    for (const word of words)
      cli.io.out(`successfully sent signal ${signal} to process name ${word}`)
  for (const { name, id } of signalled) say.info(`[${name}](${id}) ✓ ${signal}`)
  await showList(cli)
}

/** `SIGUSR2` or `USR2`. @throws LbmError USAGE */
function parseSignal(given: string): string {
  const upper = given.toUpperCase()
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`
  if (Object.hasOwn(constants.signals, name)) return name
  throw new LbmError('USAGE', `There is no signal "${given}".`, {
    hint: didYouMean(name, Object.keys(constants.signals)),
  })
}
