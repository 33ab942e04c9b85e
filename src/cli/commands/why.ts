import type { Command } from 'commander'

import type { AppDetail } from '../../contract/api.ts'
import { LbmError } from '../../contract/errors.ts'
import type { ExitReason, InstanceView } from '../../contract/instance.ts'
import { askAbout, type Cli } from '../cli.ts'
import { paletteFor } from '../io.ts'
import { explainDeath } from '../output/death.ts'
import { expandSelectors } from '../selectors.ts'

interface WhyOptions {
  lines?: string
  last?: string
  json?: boolean
}

const DEFAULT_LINES = 20

export function addWhy(program: Command, cli: Cli): void {
  program
    .command('why')
    .argument('<apps...>', 'name, id, namespace, /pattern/ or all')
    .description('why instances ended: how, who asked, what had changed, the last lines')
    .option('--last <n>', 'so many ends of each instance, newest first (default: 1)')
    .option('--lines <n>', `last lines of its errors (default: ${DEFAULT_LINES})`)
    .option('--json', 'print one JSON document')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm why api\n  $ lbm why api --last 5\n  $ lbm why 3 --json',
    )
    .action((words: string[], options: WhyOptions) => runWhy(cli, words, options))
}

async function runWhy(cli: Cli, words: readonly string[], options: WhyOptions): Promise<void> {
  const last = parseCount('--last', options.last, 1)
  const lines = parseCount('--lines', options.lines, DEFAULT_LINES)
  const selectors = await expandSelectors(cli, words)
  const { apps } = await askAbout(cli, selectors, 'app.describe', { selectors })
  const ends = apps.flatMap((app) => endsOf(app, last))
  if (options.json === true) {
    cli.io.out(JSON.stringify(ends, null, 2))
    return
  }
  const palette = await paletteFor(cli.io)
  for (const { name, id, instance, deaths } of ends) {
    cli.io.out(palette.bold(`${name} (id ${id}), instance ${instance}`))
    if (deaths.length === 0) cli.io.out('  has not ended yet')
    for (const death of deaths) cli.io.out(explainDeath(death, { palette, lines }))
  }
}

interface Ends {
  id: number
  name: string
  instance: number
  deaths: ExitReason[]
}

function endsOf({ instances }: AppDetail, count: number): Ends[] {
  return instances.map((view) => ({
    id: view.id,
    name: view.name,
    instance: view.number,
    deaths: deathsOf(view).slice(0, count),
  }))
}

function deathsOf({ deaths, lastExit }: InstanceView): ExitReason[] {
  return deaths ?? (lastExit === undefined ? [] : [lastExit])
}

/** @throws LbmError USAGE */
function parseCount(option: string, value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback
  if (!/^\d+$/.test(value)) {
    throw new LbmError('USAGE', `${option}: expected a whole number, got "${value}"`)
  }
  return Number(value)
}
