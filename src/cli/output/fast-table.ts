/**
 * The box table of `lbm list`. cli-table3 draws every other table; here its 10 ms a call (it builds a large
 * regular expression per cell) would be a third of the command. docs/adr has the measurement.
 */

import type { Paint } from './palette.ts'

export interface Cell {
  text: string
  paint?: Paint
}

export type TextWidth = (text: string) => number

/** Characters that take one column each: Latin, and what lbm itself draws. */
const NARROW = /^[\u0020-\u02ff↺…✓]*$/

/** True for text whose width is not its length: other scripts, emoji. */
export function needsWideWidth(text: string): boolean {
  return !NARROW.test(text)
}

/**
 * @param width columns a text takes
 * @returns lines joined by newlines, with no newline at the end
 */
export function fastTable(
  head: readonly Cell[],
  rows: readonly (readonly Cell[])[],
  width: TextWidth = (text) => text.length,
  frame: Paint = (text) => text,
): string {
  const widths = columnWidths(head, rows, width)
  const bar = frame('│')
  const rule = (left: string, middle: string, right: string): string =>
    frame(left + widths.map((columns) => '─'.repeat(columns + 2)).join(middle) + right)
  const line = (cells: readonly Cell[]): string =>
    bar +
    widths
      .map((columns, i) => {
        const { text, paint } = cells[i] ?? { text: '' }
        const shown = paint === undefined ? text : paint(text)
        return ` ${shown}${' '.repeat(Math.max(0, columns - width(text)))} ${bar}`
      })
      .join('')
  const body = rows.map(line)
  return [
    rule('┌', '┬', '┐'),
    line(head),
    ...(body.length === 0 ? [] : [rule('├', '┼', '┤'), ...body]),
    rule('└', '┴', '┘'),
  ].join('\n')
}

/** Columns that a table of these cells takes, frame included. */
export function tableWidth(
  head: readonly Cell[],
  rows: readonly (readonly Cell[])[],
  width: TextWidth = (text) => text.length,
): number {
  return columnWidths(head, rows, width).reduce((sum, columns) => sum + columns + 3, 1)
}

function columnWidths(
  head: readonly Cell[],
  rows: readonly (readonly Cell[])[],
  width: TextWidth,
): number[] {
  const widths = head.map(({ text }) => width(text))
  for (const row of rows) {
    row.forEach(({ text }, i) => {
      widths[i] = Math.max(widths[i] ?? 0, width(text))
    })
  }
  return widths
}
