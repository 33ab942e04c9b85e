/** Several runs beside each other, for docs/performance.md. */

import { cell, type Judged, showBudget } from './report.ts'
import { median } from './statistics.ts'

export interface RunResult {
  startedAt: string
  machine: Record<string, unknown>
  rows: Judged[]
}

export function markdown(runs: readonly RunResult[]): string {
  const keys = new Set(runs.flatMap(({ rows }) => rows.map(keyOf)))
  const lines: string[] = []
  let part = ''
  let floor: string | undefined
  for (const key of keys) {
    const rows = runs.flatMap((run) => run.rows.find((row) => keyOf(row) === key) ?? [])
    const [first] = rows
    if (first === undefined) continue
    if (first.part !== part || (first.floor !== undefined && first.floor !== floor)) {
      part = first.part
      floor = first.floor
      lines.push('', `**${part}**${floor === undefined ? '' : ` (floor: ${floor})`}`, '')
      lines.push('| | lbm | PM2 | floor | lbm ÷ floor, each run | PM2 ÷ floor | budget |')
      lines.push('|---|---:|---:|---:|---|---:|---|')
    }
    const cells = [
      first.what,
      ...(['lbm', 'pm2', 'floor'] as const).map((column) => over(rows, column)),
      rows.flatMap(({ ratio }) => ratio?.median.toFixed(2) ?? []).join(' · '),
      middle(rows.flatMap(({ pm2Ratio }) => pm2Ratio?.median ?? [])),
      budget(rows),
    ]
    lines.push(`| ${cells.join(' | ')} |`)
  }
  return lines.join('\n').trim()
}

const keyOf = ({ part, what }: Judged): string => `${part} ${what}`

/** The middle of the runs; what is no figure is shown for each. */
function over(rows: readonly Judged[], column: 'lbm' | 'pm2' | 'floor'): string {
  const [first] = rows
  if (first === undefined) return ''
  if (first.notes?.[column] !== undefined)
    return [...new Set(rows.map((row) => row.notes?.[column]))].join('<br>')
  const values = rows.flatMap(({ medians }) => medians[column] ?? [])
  return values.length === 0
    ? ''
    : cell({ ...first, medians: { [column]: median(values) } }, column)
}

function budget(rows: readonly Judged[]): string {
  const [first] = rows
  if (first === undefined) return ''
  const kept = rows.filter(({ holds }) => holds === true).length
  const limit = showBudget(first).slice(2)
  return limit === '' ? '' : `${limit}: ${kept === rows.length ? '✓' : `${kept} of ${rows.length}`}`
}

function middle(values: readonly number[]): string {
  return values.length === 0 ? '' : median(values).toFixed(2)
}
