import type { Command } from 'commander'

import { isDaemonDown } from '../../client/call.ts'
import { LbmError } from '../../contract/errors.ts'
import { type Cli, homeOf } from '../cli.ts'

export function addEvents(program: Command, cli: Cli): void {
  program
    .command('events')
    .argument('[apps...]', 'name, id, namespace or /pattern/; every app when left out')
    .description('what happens as it happens, one JSON record a line')
    .action((words: string[]) => runEvents(cli, words))
}

/** @throws LbmError DAEMON_UNREACHABLE when there is no daemon, or it ends */
export async function runEvents(cli: Cli, words: readonly string[]): Promise<void> {
  const { openConnection } = await import('../../client/connection.ts')
  const onNotification = (method: string, params: unknown): void => {
    if (method === 'event') cli.io.out(JSON.stringify(params))
  }
  try {
    using connection = await openConnection({ socketPath: homeOf(cli).socket, onNotification })
    await connection.request('events.subscribe', {
      selectors: words.length === 0 ? ['all'] : [...words],
    })
    await connection.closed
  } catch (error) {
    if (!isDaemonDown(error)) throw error
    throw new LbmError('DAEMON_UNREACHABLE', 'The daemon is not running.', {
      hint: 'start an app: lbm start <script>',
    })
  }
  throw new LbmError('DAEMON_UNREACHABLE', 'The daemon has ended.')
}
