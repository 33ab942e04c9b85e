import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

import type { Command } from 'commander'

import { type LogSource, sourcesOf } from '../../client/logs/sources.ts'
import { ask, askAbout, type Cli, homeOf } from '../cli.ts'
import { idOf } from './send.ts'

/** What it answers to the last line is shown before this ends. */
const LAST_WORDS_MS = 500

export function addAttach(program: Command, cli: Cli): void {
  program
    .command('attach')
    .argument('<app>', 'id of the instance, or the name of an app with one instance')
    .description('its output here, and what is typed here to its standard input')
    .option('--raw', 'its output as it is')
    .action((app: string, options: { raw?: boolean }) => runAttach(cli, app, options))
}

/** Ends with the standard input. */
async function runAttach(cli: Cli, app: string, { raw = false }: { raw?: boolean }): Promise<void> {
  const id = await idOf(cli, app)
  const findSources = async (): Promise<LogSource[]> => {
    const { apps } = await askAbout(cli, [app], 'app.describe', { selectors: [String(id)] })
    return sourcesOf(apps, homeOf(cli), { out: true, err: true })
  }
  const sources = await findSources()
  const { showLogs } = await import('../logs/show-logs.ts')
  const style = {
    raw,
    json: false,
    format: false,
    timestamp: undefined,
    highlight: undefined,
  }
  // It would follow for ever; this ends with what is typed.
  void showLogs(cli, {
    sources,
    selectors: [String(id)],
    style,
    lines: 0,
    follow: true,
    findSources,
  })
  for await (const line of createInterface({ input: process.stdin }))
    await ask(cli, 'app.send', { id, line })
  await delay(LAST_WORDS_MS)
  process.exit(0)
}
