import type { Command } from 'commander'

import { isDaemonDown } from '../../client/call.ts'
import type { LogSource, StreamChoice } from '../../client/logs/sources.ts'
import type { AppDetail } from '../../contract/api.ts'
import { LbmError } from '../../contract/errors.ts'
import { ask, type Cli, homeOf } from '../cli.ts'
import { DEFAULT_TIMESTAMP, type LineStyle } from '../logs/line-printer.ts'
import { expandSelectors } from '../selectors.ts'

interface LogsOptions {
  lines?: string
  stream: boolean
  nostream?: boolean
  raw?: boolean
  json?: boolean
  format?: boolean
  timestamp?: string | true
  highlight?: string | true
  out?: boolean
  err?: boolean
}

export function addLogs(program: Command, cli: Cli): void {
  program
    .command('logs')
    .alias('log')
    .argument('[apps...]', 'name, id, namespace, /pattern/ or all; every app when left out')
    .description('the last lines of output, then what comes')
    .option('--lines <n>', 'how many lines of each file first (default: 15)')
    .option('--nostream', 'do not follow')
    .option('--raw', 'lines as they are; those of standard error go to standard error')
    .option('--json', 'one JSON record a line')
    .option('--format', 'key=value pairs')
    .option(
      '--timestamp [format]',
      `put the time before followed lines (default: ${DEFAULT_TIMESTAMP})`,
    )
    .option('--out', 'standard output only')
    .option('--err', 'standard error only')
    .option('--highlight [word]', 'mark a word')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm logs\n  $ lbm logs api --lines 100 --nostream\n  $ lbm logs api --err --highlight timeout',
    )
    .action((words: string[], options: LogsOptions) => runLogs(cli, words, options))
}

/** `--attach`: what the apps of a command print from now on, until the process is interrupted. */
export async function attachTo(cli: Cli, apps: readonly { app: string }[]): Promise<void> {
  await runLogs(cli, [...new Set(apps.map(({ app }) => app))], { stream: true, lines: '0' })
}

/** PM2's. */
const DEFAULT_LINES = 15

export async function runLogs(
  cli: Cli,
  words: readonly string[],
  options: LogsOptions,
): Promise<void> {
  const lines = linesOf(options)
  const choice = choiceOf(options)
  const selectors = words.length === 0 ? ['all'] : await expandSelectors(cli, words)
  const sources = await findSources(cli, selectors, choice)
  const { showLogs } = await import('../logs/show-logs.ts')
  await showLogs(cli, {
    sources,
    selectors,
    style: styleOf(options),
    lines,
    follow: options.nostream !== true,
    findSources: () => findSources(cli, selectors, choice),
  })
}

/** @throws LbmError APP_NOT_FOUND */
async function findSources(
  cli: Cli,
  selectors: string[],
  choice: StreamChoice,
): Promise<LogSource[]> {
  const { sourcesByName, sourcesOf } = await import('../../client/logs/sources.ts')
  const home = homeOf(cli)
  let apps: AppDetail[]
  try {
    apps = (await ask(cli, 'app.describe', { selectors })).apps
  } catch (error) {
    if (!isDaemonDown(error)) throw error
    const found = sourcesByName(home, selectors.includes('all') ? undefined : selectors, choice)
    if (found.length > 0) {
      cli.io.err(`lbm: the daemon is not running; this is what ${home.logsDir} holds`)
      return found
    }
    throw new LbmError('APP_NOT_FOUND', `There are no logs of ${selectors.join(' ')}.`, {
      hint: 'the daemon is not running; start an app: lbm start <script>',
    })
  }
  return sourcesOf(apps, home, choice)
}

function choiceOf({ out = false, err = false }: LogsOptions): StreamChoice {
  return out === err ? { out: true, err: true } : { out, err }
}

function styleOf({
  raw = false,
  json = false,
  format = false,
  timestamp,
  highlight,
}: LogsOptions): LineStyle {
  return {
    raw,
    json,
    format,
    timestamp: timestamp === true ? DEFAULT_TIMESTAMP : timestamp,
    highlight: highlight === true ? undefined : highlight,
  }
}

/** Records for programs begin with what comes, as in PM2, unless lines were asked for. */
function linesOf({ lines, json = false, format = false, nostream = false }: LogsOptions): number {
  if (lines === undefined) return (json || format) && !nostream ? 0 : DEFAULT_LINES
  if (!/^-?\d+$/.test(lines)) {
    throw new LbmError('USAGE', `--lines: expected a whole number, got "${lines}".`)
  }
  return Math.abs(Number(lines))
}
