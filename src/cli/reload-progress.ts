/** Says what a reload does while it does it: a line an instance and step. */

import { type Connection, openConnection } from '../client/connection.ts'
import type { LbmEvent } from '../contract/events.ts'
import { type Cli, homeOf } from './cli.ts'
import type { Say } from './output/say.ts'

/** Whoever cannot listen still reloads: the outcome is told in the end in any case. */
export async function withProgress<T>(
  cli: Cli,
  say: Say,
  selectors: string[],
  work: () => Promise<T>,
): Promise<T> {
  using _connection = cli.silent || say.asPm2 ? undefined : await listen(cli, say, selectors)
  return await work()
}

async function listen(cli: Cli, say: Say, selectors: string[]): Promise<Connection | undefined> {
  const onNotification = (method: string, params: unknown): void => {
    if (method === 'event') sayProgress(say, params as LbmEvent)
  }
  let connection: Connection | undefined
  try {
    connection = await openConnection({ socketPath: homeOf(cli).socket, onNotification })
    await connection.request('events.subscribe', { selectors })
    return connection
  } catch {
    connection?.[Symbol.dispose]()
    return undefined // the request itself says what is wrong
  }
}

function sayProgress(say: Say, event: LbmEvent): void {
  if (event.type === 'rollout.progress') say.info(`[${event.app}](${event.id}) ${event.phase}`)
}
