import type { Command } from 'commander'

import { isDaemonDown } from '../../client/call.ts'
import { isLbmError } from '../../contract/errors.ts'
import { ask, askAbout, type Cli } from '../cli.ts'
import { sayFor } from '../output/say.ts'
import { expandSelectors } from '../selectors.ts'

export function addFlush(program: Command, cli: Cli): void {
  program
    .command('flush')
    .argument('[apps...]', 'name, id, namespace, /pattern/ or all; every app when left out')
    .description('empty log files')
    .option('--json', 'print the files as one JSON document')
    .action((words: string[], options: { json?: boolean }) => runFlush(cli, words, options))
  program
    .command('reloadLogs')
    .alias('reload-logs')
    .description('open log files anew, after a logrotate')
    .option('--json', 'print the files as one JSON document')
    .action((options: { json?: boolean }) => runReloadLogs(cli, options))
}

/** Without a name, lbm's own log is emptied, too. */
export async function runFlush(
  cli: Cli,
  words: readonly string[],
  { json = false }: { json?: boolean } = {},
): Promise<void> {
  const selectors = words.length === 0 ? ['all'] : await expandSelectors(cli, words)
  const files = await flushed(cli, words, selectors)
  if (json) {
    cli.io.out(JSON.stringify({ files }, null, 2))
    return
  }
  const say = await sayFor(cli)
  say.info('Flushing:')
  for (const file of files) say.info(file)
  say.info('Logs flushed')
}

/** Without a name and without an app there is nothing to empty, and no error in that. */
async function flushed(
  cli: Cli,
  words: readonly string[],
  selectors: string[],
): Promise<readonly string[]> {
  try {
    return (await askAbout(cli, selectors, 'app.flush', { selectors })).files
  } catch (error) {
    if (words.length > 0 || !isLbmError(error) || error.code !== 'APP_NOT_FOUND') throw error
    return []
  }
}

/** A logrotate must not fail on a host where nothing runs. */
async function reopened(cli: Cli): Promise<readonly string[]> {
  try {
    return (await ask(cli, 'logs.reopen', {})).files
  } catch (error) {
    if (!isDaemonDown(error)) throw error
    return []
  }
}

export async function runReloadLogs(
  cli: Cli,
  { json = false }: { json?: boolean } = {},
): Promise<void> {
  const files = await reopened(cli)
  if (json) cli.io.out(JSON.stringify({ files }, null, 2))
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  say.info(say.asPm2 ? 'All logs reloaded' : `${files.length} log files opened anew`)
}
