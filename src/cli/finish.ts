/** How each command that changes something ends: with the list, or one JSON document, and the error if there was one. */

import { type ActionOutcome, failureOfActions } from '../client/failures.ts'
import type { LbmError } from '../contract/errors.ts'
import type { Cli } from './cli.ts'
import { showList } from './commands/list.ts'
import { currentFolder } from './current-folder.ts'

/** @throws LbmError START_FAILED or START_TIMED_OUT for the first app that did not come up */
export async function finish(
  cli: Cli,
  apps: readonly ActionOutcome[],
  { json = false, table = true }: { json?: boolean | undefined; table?: boolean },
): Promise<void> {
  if (json) cli.io.out(JSON.stringify({ apps }, null, 2))
  else if (table) await showList(cli)
  await fail(cli, apps, failureOfActions)
}

/**
 * Throws what has failed; in a pipeline the failure of each further app is an annotation of its own.
 * @throws LbmError
 */
export async function fail<T>(
  cli: Cli,
  apps: readonly T[],
  failureOf: (apps: readonly T[]) => LbmError | undefined,
): Promise<void> {
  const failure = failureOf(apps)
  if (failure === undefined) return
  const [, ...others] = apps.flatMap((app) => failureOf([app]) ?? [])
  if (cli.pipeline !== undefined && others.length > 0) {
    const { errorAnnotation } = await import('./output/annotations.ts')
    for (const other of others) cli.io.err(errorAnnotation(other, cli.pipeline, currentFolder()))
  }
  throw failure
}
