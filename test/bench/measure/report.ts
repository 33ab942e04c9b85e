/** What the bench found, as one table and as JSON. */

import Table from 'cli-table3'

import { median, type Ratio, ratioOf } from './statistics.ts'
import type { Samples } from './turns.ts'

export type Column = 'lbm' | 'pm2' | 'floor'
export type Unit = 'ms' | 's' | 'MB' | 'KB' | '%' | '/s' | ''

export interface Row {
  part: string
  what: string
  unit: Unit
  /** Which floor it is. */
  floor?: string
  /** One value a round; the same round stands at the same place in each. */
  samples: Partial<Record<Column, number[] | undefined>>
  /** What is no figure, in place of one. */
  notes?: Partial<Record<Column, string | undefined>>
  budget?: Budget
  /** For the JSON only. */
  extra?: Record<string, unknown>
}

/** Of lbm's median, of its sum over all rounds, or of its ratio to the floor. */
export interface Budget {
  of: 'value' | 'sum' | 'ratio'
  atMost?: number
  atLeast?: number
}

export interface Judged extends Row {
  medians: Partial<Record<Column, number>>
  ratio: Ratio | undefined
  pm2Ratio: Ratio | undefined
  rounds: number
  holds: boolean | undefined
}

/** One figure of everybody who was measured. */
export function samplesOf(
  all: Record<string, Samples | undefined>,
  figure: string,
): Row['samples'] {
  return { lbm: all['lbm']?.[figure], pm2: all['pm2']?.[figure], floor: all['floor']?.[figure] }
}

export function judge(row: Row): Judged {
  const { lbm, pm2, floor } = row.samples
  const medians: Judged['medians'] = {}
  for (const column of ['lbm', 'pm2', 'floor'] as const) {
    const values = row.samples[column]
    if (values !== undefined && values.length > 0) medians[column] = median(values)
  }
  const rounds = Math.max(0, ...[lbm, pm2, floor].map((values) => values?.length ?? 0))
  const isCount = row.unit === ''
  const pm2Ratio = isCount ? undefined : ratioOf(pm2, floor)
  const judged = {
    ...row,
    medians,
    ratio: isCount ? undefined : ratioOf(lbm, floor),
    pm2Ratio,
    rounds,
  }
  return { ...judged, holds: holds(judged) }
}

function holds({ budget, samples, medians, ratio }: Omit<Judged, 'holds'>): boolean | undefined {
  if (budget === undefined) return undefined
  const values = {
    ratio: ratio?.median,
    value: medians.lbm,
    sum: samples.lbm?.reduce((sum, value) => sum + value, 0),
  }
  const value = values[budget.of]
  if (value === undefined) return undefined
  return value <= (budget.atMost ?? Infinity) && value >= (budget.atLeast ?? -Infinity)
}

export function table(rows: readonly Judged[]): string {
  const head = ['', 'lbm', 'PM2', 'floor', 'lbm ÷ floor', 'PM2 ÷ floor', 'budget', 'n']
  const lines = new Table({
    head,
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'right'],
  })
  let part = ''
  let floor: string | undefined
  for (const row of rows) {
    if (row.part !== part || (row.floor !== undefined && row.floor !== floor)) {
      part = row.part
      floor = row.floor
      const title = [row.part.toUpperCase(), row.floor && `(floor: ${row.floor})`]
      lines.push([{ colSpan: head.length, content: title.filter(Boolean).join(' ') }])
    }
    lines.push([
      row.what,
      cell(row, 'lbm'),
      cell(row, 'pm2'),
      cell(row, 'floor'),
      showRatio(row.ratio),
      showRatio(row.pm2Ratio),
      showBudget(row),
      row.rounds === 0 ? '' : row.rounds,
    ])
  }
  return lines.toString()
}

export function cell(row: Judged, column: Column): string {
  const value = row.medians[column]
  return row.notes?.[column] ?? (value === undefined ? '' : show(value, row.unit))
}

function show(value: number, unit: Unit): string {
  const size = Math.abs(value)
  const digits = size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2
  const text = value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
  return unit === '' || unit === '/s' ? `${text}${unit}` : `${text} ${unit}`
}

function showRatio(ratio: Ratio | undefined): string {
  if (ratio === undefined) return ''
  const { median: middle, low, high } = ratio
  return `${middle.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`
}

export function showBudget({ budget, unit, holds: kept }: Judged): string {
  if (budget === undefined || kept === undefined) return ''
  const { of, atMost, atLeast } = budget
  const limit = atMost === undefined ? `≥ ${atLeast}` : `≤ ${atMost}`
  const suffix = of === 'ratio' ? ' ×' : unit === '' ? '' : ` ${unit}`
  return `${kept ? '✓' : '✗'} ${limit}${suffix}`
}
