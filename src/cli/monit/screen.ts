/** What `lbm monit` shows. Pure. */

import type { InstanceView } from '../../contract/instance.ts'
import { STATUS_OF } from '../../contract/instance.ts'
import { formatBytes, formatUptime } from '../../contract/units.ts'
import type { TextWidth } from '../output/fast-table.ts'
import { statusPaint } from '../output/instance-table.ts'
import type { Palette } from '../output/palette.ts'
import { clean, cut, fitParts, padded, type Part } from './fit.ts'

export interface Screen {
  views: readonly InstanceView[]
  /** Undefined: the first. */
  selectedId: number | undefined
  /** Of the selected one, oldest first, as it printed them. */
  lines: readonly string[]
  /** What there is to say in place of the list. */
  message?: string | undefined
}

export interface ScreenOptions {
  palette: Palette
  nowMs: number
  columns: number
  rows: number
  /** For text that is not Latin. */
  wideWidth: TextWidth
}

const BAR_COLUMNS = 10
const NAME_COLUMNS = 24
const FEWEST_LOG_ROWS = 3
const HELP = '↑ ↓ choose   PgUp PgDn Home End   q quit'

export function selectedView({ views, selectedId }: Screen): InstanceView | undefined {
  return views.find(({ id }) => id === selectedId) ?? views[0]
}

/** Exactly `rows` lines, none wider than `columns`. */
export function drawScreen(screen: Screen, options: ScreenOptions): string[] {
  const { palette, rows, columns, wideWidth } = options
  const fit = (text: string): string => cut(text, columns, wideWidth)
  const selected = selectedView(screen)
  const title = ` lbm monit   ${counted(screen.views.length)}`
  const facts = selected === undefined ? [] : factsOf(selected, options.nowMs)
  // Head, the line above the log and the help are there whatever the height.
  const forBoth = rows - 3 - facts.length
  const listRows = Math.max(1, Math.min(screen.views.length, forBoth - FEWEST_LOG_ROWS))
  const list =
    selected === undefined
      ? [fit(` ${screen.message ?? 'There is no app: lbm start <script>'}`)]
      : listLines(screen.views, selected, listRows, options)
  const logTitle = selected === undefined ? '' : ` ${selected.name} (${selected.id}) `
  const logRows = Math.max(0, forBoth - list.length)
  const log = screen.lines
    .slice(Math.max(0, screen.lines.length - logRows))
    .map((line) => clean(line))
  const drawn = [
    palette.bold(fit(title)),
    ...list,
    palette.grey(fit(`──${logTitle}${'─'.repeat(columns)}`)),
    ...facts.map((fact) => palette.grey(fit(` ${fact}`))),
    ...log.map((line) => fit(line)),
  ].slice(0, Math.max(0, rows - 1))
  const empty = Array.from({ length: Math.max(0, rows - 1 - drawn.length) }, () => '')
  return [...drawn, ...empty, palette.grey(fit(` ${HELP}`))]
}

const counted = (count: number): string => `${count} ${count === 1 ? 'instance' : 'instances'}`

/** As many as fit, the selected one among them. */
function listLines(
  views: readonly InstanceView[],
  selected: InstanceView,
  rows: number,
  options: ScreenOptions,
): string[] {
  const at = views.indexOf(selected)
  const first = Math.max(0, Math.min(at - Math.floor(rows / 2), views.length - rows))
  const greatest = Math.max(1, ...views.map(({ memoryBytes }) => memoryBytes))
  return views
    .slice(first, first + rows)
    .map((view) => listLine(view, view === selected, greatest, options))
}

function listLine(
  view: InstanceView,
  isSelected: boolean,
  greatestBytes: number,
  options: ScreenOptions,
): string {
  const { palette } = options
  const status = STATUS_OF[view.phase]
  const cpu = `${Math.round(view.cpuPercent)}%`
  const plain = (text: string): string => text
  const parts: Part[] = [
    [isSelected ? ' ▸ ' : '   ', palette.cyan],
    [String(view.id).padStart(3), palette.cyan],
    [' '],
    [padded(view.name, NAME_COLUMNS, options.wideWidth), isSelected ? palette.bold : plain],
    [' '],
    [status.padEnd(16), statusPaint(status, palette)],
    ['cpu '],
    [bar(view.cpuPercent / 100), palette.green],
    [cpu.padStart(5)],
    ['  mem '],
    [bar(view.memoryBytes / greatestBytes), palette.blue],
    [formatBytes(view.memoryBytes).padStart(8)],
    [`  ↺ ${view.restarts}`],
  ]
  return fitParts(parts, options.columns, options.wideWidth)
}

/** CPU: a whole core fills it; memory: as much as the greatest of all. */
function bar(ratio: number): string {
  const full = Math.round(Math.min(1, Math.max(0, ratio)) * BAR_COLUMNS)
  return '█'.repeat(full) + '░'.repeat(BAR_COLUMNS - full)
}

function factsOf(view: InstanceView, nowMs: number): string[] {
  const uptime = view.pid === 0 ? '0' : formatUptime(nowMs - view.startedAt)
  const places = view.listening.map(({ address, port }) =>
    port === -1 ? address : `${address.includes(':') ? `[${address}]` : address}:${port}`,
  )
  const facts = [
    `pid ${view.pid === 0 ? 'N/A' : view.pid}`,
    `up ${uptime}`,
    `${view.mode} mode`,
    `version ${view.version}`,
    ...(places.length === 0 ? [] : [`listens on ${places.join(', ')}`]),
    ...(view.balance === undefined || places.length === 0
      ? []
      : [`${view.balance.openConnections} connections`]),
  ]
  const metrics = Object.entries(view.axmMonitor).map(([name, metric]) => metricText(name, metric))
  return [facts.join('   '), ...(metrics.length === 0 ? [] : [metrics.join('   ')])]
}

/** `@pm2/io` sends `{ value, unit }`. */
function metricText(name: string, metric: unknown): string {
  const { value = metric, unit = '' } = (metric ?? {}) as { value?: unknown; unit?: unknown }
  return clean(`${name} ${String(value)}${String(unit)}`)
}
