import type { Command } from 'commander'

import { isAsPm2 } from '../../client/as-pm2.ts'
import { ask, askStarting, type Cli } from '../cli.ts'

export function addPing(program: Command, cli: Cli): void {
  program
    .command('ping')
    .description('ask whether the daemon is alive; exit 1 if not')
    .option('--json', 'print what the daemon says about itself')
    .action((options: { json?: boolean }) => runPing(cli, options))
}

export async function runPing(cli: Cli, { json }: { json?: boolean } = {}): Promise<void> {
  // PM2 starts its daemon for it, and scripts call it for that.
  const daemon = await (isAsPm2(cli.io.env) ? askStarting : ask)(cli, 'daemon.ping', {})
  if (json) cli.io.out(JSON.stringify(daemon))
  else if (!cli.silent) cli.io.out("{ msg: 'pong' }")
}
