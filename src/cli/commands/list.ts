import type { Command } from 'commander'

import { isDaemonDown } from '../../client/call.ts'
import { isLbmError } from '../../contract/errors.ts'
import type { InstanceRow, InstanceView } from '../../contract/instance.ts'
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
  if (json) return JSON.stringify(await sorted(await fetchViews(cli), sort), null, 2)
  return await renderRows(cli, await sorted(await fetchRows(cli), sort))
}

async function sorted<Row extends InstanceRow>(rows: Row[], order?: string): Promise<Row[]> {
  if (order === undefined) return byName(rows)
  return (await import('../output/sort-views.ts')).sortViews(rows, order)
}

/** What the table shows of every instance; none when there is no daemon. */
async function fetchRows(cli: Cli): Promise<InstanceRow[]> {
  try {
    return (await ask(cli, 'app.rows', {})).rows
  } catch (error) {
    if (isDaemonDown(error)) return []
    // One of an earlier version, which knows only the whole.
    if (isLbmError(error) && error.code === 'PROTOCOL_MISMATCH') return await fetchViews(cli)
    throw error
  }
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
export function byName<Row extends InstanceRow>(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.name === b.name ? a.id - b.id : a.name < b.name ? -1 : 1))
}

/** The table, or blocks with `-m`. */
export async function renderRows(cli: Cli, rows: readonly InstanceRow[]): Promise<string> {
  const palette = await paletteFor(cli.io)
  const nowMs = Date.now()
  if (cli.miniList) {
    const { miniList } = await import('../output/mini-list.ts')
    return miniList(rows, { palette, nowMs })
  }
  const wideWidth = hasWideText(rows)
    ? (await import('../output/wide-width.ts')).wideWidth
    : undefined
  return instanceTable(rows, { palette, nowMs, columns: cli.io.columns, wideWidth })
}

/** What PM2 prints at the end of each command that changes something. */
export async function showList(cli: Cli): Promise<void> {
  if (cli.silent) return
  cli.io.out(await renderRows(cli, byName(await fetchRows(cli))))
}
