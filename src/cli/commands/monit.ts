import { isatty } from 'node:tty'

import type { Command } from 'commander'

import { LbmError } from '../../contract/errors.ts'
import type { Cli } from '../cli.ts'

export function addMonit(program: Command, cli: Cli): void {
  program
    .command('monit')
    .aliases(['dashboard', 'dash'])
    .description('the list, CPU, memory and one log on the whole terminal; q quits')
    .action(() => runMonit(cli))
}

/** @throws LbmError USAGE where there is no terminal to draw on */
async function runMonit(cli: Cli): Promise<void> {
  if (!cli.io.isTerminal || !isatty(0)) {
    throw new LbmError('USAGE', 'lbm monit draws on a terminal, and there is none.', {
      hint: 'for a pipe or a file: lbm list, lbm jlist, or lbm logs',
    })
  }
  const { showMonit } = await import('../monit/show-monit.ts')
  await showMonit(cli)
}
