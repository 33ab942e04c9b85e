/** The table of `lbm list`: which columns, in which words and colours, and which of them fit. */

import type { InstanceBalance, InstanceRow, Status } from '../../contract/instance.ts'
import { STATUS_OF } from '../../contract/instance.ts'
import { formatBytes, formatUptime } from '../../contract/units.ts'
import { type Cell, fastTable, needsWideWidth, tableWidth, type TextWidth } from './fast-table.ts'
import type { Palette } from './palette.ts'

interface Column {
  title: string
  cell: (view: InstanceRow, palette: Palette, nowMs: number) => Cell
  /** The highest goes first when the terminal is narrow; 0 always stays. */
  dispensable: number
  /** Shown only when it says something. */
  when?: (views: readonly InstanceRow[]) => boolean
}

/** A program that listens nowhere has a balancer that says nothing. */
function balanceOf({ balance, listening }: InstanceRow): InstanceBalance | undefined {
  return listening === undefined || listening.length === 0 ? undefined : balance
}

const isBalanced = (views: readonly InstanceRow[]): boolean =>
  views.some((view) => balanceOf(view) !== undefined)

const COLUMNS: readonly Column[] = [
  {
    title: 'id',
    cell: (view, { cyan }) => ({ text: String(view.id), paint: cyan }),
    dispensable: 0,
  },
  { title: 'name', cell: (view) => ({ text: view.name }), dispensable: 0 },
  { title: 'namespace', cell: (view) => ({ text: view.namespace }), dispensable: 8 },
  { title: 'version', cell: (view) => ({ text: view.version }), dispensable: 7 },
  { title: 'mode', cell: (view, { cyan }) => ({ text: view.mode, paint: cyan }), dispensable: 4 },
  {
    title: 'pid',
    cell: (view) => ({ text: view.pid === 0 ? 'N/A' : String(view.pid) }),
    dispensable: 3,
  },
  { title: 'uptime', cell: uptimeCell, dispensable: 2 },
  { title: '↺', cell: (view) => ({ text: String(view.restarts) }), dispensable: 1 },
  { title: 'status', cell: statusCell, dispensable: 0 },
  { title: 'cpu', cell: (view) => ({ text: `${roundTenth(view.cpuPercent)}%` }), dispensable: 0 },
  { title: 'mem', cell: (view) => ({ text: formatBytes(view.memoryBytes) }), dispensable: 0 },
  { title: 'user', cell: (view) => ({ text: view.username }), dispensable: 9 },
  { title: 'watching', cell: watchingCell, dispensable: 6 },
  {
    title: 'conns',
    cell: (view) => ({ text: String(balanceOf(view)?.openConnections ?? '') }),
    dispensable: 10,
    when: isBalanced,
  },
  {
    title: 'conn/s',
    cell: (view) => {
      const balance = balanceOf(view)
      return { text: balance === undefined ? '' : String(roundTenth(balance.acceptedPerSecond)) }
    },
    dispensable: 11,
    when: isBalanced,
  },
  { title: 'balance', cell: policyCell, dispensable: 12, when: isBalanced },
]

function policyCell(view: InstanceRow, { yellow }: Palette): Cell {
  const balance = balanceOf(view)
  if (balance === undefined) return { text: '' }
  return { text: balance.policy, ...(balance.inRotation ? {} : { paint: yellow }) }
}

function uptimeCell(view: InstanceRow, _palette: Palette, nowMs: number): Cell {
  return { text: view.pid === 0 ? '0' : formatUptime(nowMs - view.startedAt) }
}

function statusCell(view: InstanceRow, palette: Palette): Cell {
  const status = STATUS_OF[view.phase]
  return { text: status, paint: statusPaint(status, palette) }
}

export function statusPaint(
  status: Status,
  { green, blue, red }: Palette,
): (text: string) => string {
  if (status === 'online') return green
  return status === 'launching' ? blue : red
}

function watchingCell(view: InstanceRow, { green, yellow, grey }: Palette): Cell {
  const paint = { enabled: green, suspended: yellow, disabled: grey }[view.watching]
  return { text: view.watching, paint }
}

function roundTenth(value: number): number {
  return Math.round(value * 10) / 10
}

export interface TableOptions {
  palette: Palette
  nowMs: number
  /** Columns of the terminal; undefined: everything is shown. */
  columns: number | undefined
  /** For text that is not Latin. */
  wideWidth?: TextWidth | undefined
}

export function instanceTable(views: readonly InstanceRow[], options: TableOptions): string {
  const { palette, nowMs, columns: limit, wideWidth } = options
  const width: TextWidth = (text) =>
    wideWidth !== undefined && needsWideWidth(text) ? wideWidth(text) : text.length
  let columns = COLUMNS.filter(({ when }) => when === undefined || when(views))
  for (;;) {
    const head = columns.map(({ title }) => ({ text: title, paint: palette.cyan }))
    const rows = views.map((view) => columns.map(({ cell }) => cell(view, palette, nowMs)))
    const tooWide = limit === undefined ? 0 : tableWidth(head, rows, width) - limit
    if (tooWide <= 0) return fastTable(head, rows, width, palette.grey)
    const next = mostDispensable(columns)
    if (next === undefined) {
      return fastTable(head, shortenNames(rows, tooWide, width), width, palette.grey)
    }
    columns = columns.filter((column) => column !== next)
  }
}

function mostDispensable(columns: readonly Column[]): Column | undefined {
  const candidates = columns.filter(({ dispensable }) => dispensable > 0)
  return candidates.toSorted((a, b) => b.dispensable - a.dispensable)[0]
}

const SHORTEST_NAME = 6

/** Takes what is missing from the name, which stands in the second column. */
function shortenNames(rows: readonly Cell[][], excess: number, width: TextWidth): Cell[][] {
  const longest = Math.max(0, ...rows.map((row) => width(row[1]?.text ?? '')))
  const allowed = Math.max(SHORTEST_NAME, longest - excess)
  return rows.map((row) =>
    row.map((cell, i) =>
      i === 1 && width(cell.text) > allowed ? { ...cell, text: shorten(cell.text, allowed) } : cell,
    ),
  )
}

function shorten(text: string, columns: number): string {
  return `${[...text].slice(0, columns - 1).join('')}…`
}

/** True when a cell would need the width of other scripts. */
export function hasWideText(views: readonly InstanceRow[]): boolean {
  return views.some(({ name, namespace, version, username }) =>
    [name, namespace, version, username].some(needsWideWidth),
  )
}
