import type { Command } from 'commander'

import { isDaemonDown } from '../../client/call.ts'
import { waitForExit } from '../../client/wait-for-exit.ts'
import { ask, type Cli, homeOf } from '../cli.ts'
import { sayFor } from '../output/say.ts'

export function addKill(program: Command, cli: Cli): void {
  program
    .command('kill')
    .description('end every app, and lbm itself')
    .option('--json', 'print how many instances were ended')
    .action((options: { json?: boolean }) => runKill(cli, options))
}

/** Nothing to kill is success: what was wanted is the case. */
export async function runKill(cli: Cli, { json = false }: { json?: boolean } = {}): Promise<void> {
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  try {
    const { stopped } = await ask(cli, 'daemon.kill', {})
    const counted = `${stopped} ${stopped === 1 ? 'instance' : 'instances'} stopped`
    say.info(say.asPm2 ? '[v] All Applications Stopped' : counted)
    await waitForExit(homeOf(cli))
    say.info(say.asPm2 ? '[v] PM2 Daemon Stopped' : 'lbm daemon stopped')
    if (json) cli.io.out(JSON.stringify({ stopped }))
  } catch (error) {
    if (!isDaemonDown(error)) throw error
    say.info('The daemon is not running')
    if (json) cli.io.out(JSON.stringify({ stopped: 0 }))
  }
}
