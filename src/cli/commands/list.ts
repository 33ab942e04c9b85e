import type { Command } from 'commander'

import { isDaemonDown } from '../../client/call.ts'
import type { InstanceView } from '../../contract/instance.ts'
import { ask, type Cli } from '../cli.ts'
import { paletteFor } from '../io.ts'
import { hasWideText, instanceTable } from '../output/instance-table.ts'

export interface ListOptions {
  json?: boolean
  sort?: string
  watch?: boolean
}

export const LIST_ALIASES = ['ls', 'l', 'ps', 'status'] as const

export function addList(program: Command, cli: Cli): void {
  program
    .command('list')
    .aliases([...LIST_ALIASES])
    .description('every instance with its state, CPU and memory')
    .option('--json', 'print one JSON document')
    .option(
      '--sort <field[:asc|desc]>',
      'sort by name, id, pid, cpu, memory, uptime, status or namespace',
    )
    .option('--watch', 'draw the list anew each second until Ctrl-C')
    .action((options: ListOptions) => runList(cli, options))
}

export async function runList(cli: Cli, options: ListOptions = {}): Promise<void> {
  if (options.watch) {
    const { watchList } = await import('../output/watch-list.ts')
    await watchList(cli, () => listText(cli, options))
    return
  }
  const text = await listText(cli, options)
  if (options.json || !cli.silent) cli.io.out(text)
}

async function listText(cli: Cli, { json, sort }: ListOptions): Promise<string> {
  const views = await fetchViews(cli)
  const sorted =
    sort === undefined
      ? byName(views)
      : (await import('../output/sort-views.ts')).sortViews(views, sort)
  return json ? JSON.stringify(sorted, null, 2) : await renderViews(cli, sorted)
}

/** Every instance; none when there is no daemon. */
export async function fetchViews(cli: Cli): Promise<InstanceView[]> {
  try {
    return (await ask(cli, 'app.list', {})).instances
  } catch (error) {
    if (isDaemonDown(error)) return []
    throw error
  }
}

/** PM2's order. */
export function byName(views: readonly InstanceView[]): InstanceView[] {
  return views.toSorted((a, b) => (a.name === b.name ? a.id - b.id : a.name < b.name ? -1 : 1))
}

/** The table, or blocks with `-m`. */
export async function renderViews(cli: Cli, views: readonly InstanceView[]): Promise<string> {
  const palette = await paletteFor(cli.io)
  const nowMs = Date.now()
  if (cli.miniList) {
    const { miniList } = await import('../output/mini-list.ts')
    return miniList(views, { palette, nowMs })
  }
  const wideWidth = hasWideText(views)
    ? (await import('../output/wide-width.ts')).wideWidth
    : undefined
  return instanceTable(views, { palette, nowMs, columns: cli.io.columns, wideWidth })
}

/** What PM2 prints at the end of each command that changes something. */
export async function showList(cli: Cli): Promise<void> {
  if (cli.silent) return
  cli.io.out(await renderViews(cli, byName(await fetchViews(cli))))
}
