/** How each command that changes something ends: with the list, or one JSON document, and the error if there was one. */

import { type ActionOutcome, failureOfActions } from '../client/failures.ts'
import type { Cli } from './cli.ts'
import { showList } from './commands/list.ts'

/** @throws LbmError START_FAILED or START_TIMED_OUT for the first app that did not come up */
export async function finish(
  cli: Cli,
  apps: readonly ActionOutcome[],
  { json = false, table = true }: { json?: boolean | undefined; table?: boolean },
): Promise<void> {
  if (json) cli.io.out(JSON.stringify({ apps }, null, 2))
  else if (table) await showList(cli)
  const failure = failureOfActions(apps)
  if (failure !== undefined) throw failure
}
