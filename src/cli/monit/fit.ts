/** Text that takes no more columns than there are. Pure. */

import { stripVTControlCharacters } from 'node:util'

import { needsWideWidth, type TextWidth } from '../output/fast-table.ts'
import type { Paint } from '../output/palette.ts'

export type Part = readonly [text: string, paint?: Paint]

/** What would move the cursor or change colours in the middle of the screen. */
export function clean(line: string): string {
  const text = stripVTControlCharacters(line).replaceAll('\t', '  ')
  // oxlint-disable-next-line no-control-regex -- these are what must go
  return text.replaceAll(/[\u0000-\u001f\u007f]/g, '')
}

/** Painted after it was cut: colours have no width. */
export function fitParts(parts: readonly Part[], columns: number, wideWidth: TextWidth): string {
  let left = columns
  return parts
    .map(([text, paint]) => {
      const shown = cut(text, left, wideWidth)
      left -= widthOf(shown, wideWidth)
      return paint === undefined || shown === '' ? shown : paint(shown)
    })
    .join('')
}

export function padded(text: string, columns: number, wideWidth: TextWidth): string {
  const shown = cut(text, columns, wideWidth)
  return shown + ' '.repeat(Math.max(0, columns - widthOf(shown, wideWidth)))
}

export function cut(text: string, columns: number, wideWidth: TextWidth): string {
  if (widthOf(text, wideWidth) <= columns) return text
  let shown = ''
  let width = 0
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    width += widthOf(segment, wideWidth)
    if (width > columns - 1) break
    shown += segment
  }
  return columns > 0 ? `${shown}…` : ''
}

const NARROW = /^[\u0020-\u02ff↺…✓█░▸─↑↓]*$/

function widthOf(text: string, wideWidth: TextWidth): number {
  return NARROW.test(text) || !needsWideWidth(text) ? text.length : wideWidth(text)
}
