/** The documentation as files and their text. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const ROOT: string = join(import.meta.dirname, '../..')

/** Everything after this line of a page is written by a test: `npx vitest run --project unit test/unit/docs -u`. */
export const GENERATED =
  '<!-- generated: npx vitest run --project unit test/unit/docs -u; what is written below this line by hand is lost -->'

/** Paths relative to the root of the project. */
export function pageNames(): string[] {
  const inRoot = readdirSync(ROOT).filter((name) => name.endsWith('.md'))
  const inDocs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`)
  return [...inRoot, ...inDocs].toSorted()
}

export function readPage(name: string): string {
  return readFileSync(join(ROOT, name), 'utf8')
}

/** What a person wrote at the top of a page, with the mark that ends it. */
export function writtenPart(name: string): string {
  const [written = ''] = readPage(name).split(GENERATED)
  return `${written.trimEnd()}\n\n${GENERATED}\n`
}

export interface Fence {
  /** `sh run`, `js file=ecosystem.config.js`. */
  info: string
  text: string
}

export function fencesOf(markdown: string): Fence[] {
  return [...markdown.matchAll(/^```([^\n]*)\n(.*?)^```$/gms)].map(([, info = '', text = '']) => ({
    info,
    text,
  }))
}

/** First cells of the rows of all tables, without heads. */
export function firstCells(markdown: string): string[] {
  return markdown
    .split('\n')
    .filter((line, index, lines) => line.startsWith('|') && !isHead(lines, index))
    .map((line) => line.split('|')[1]?.trim() ?? '')
    .filter((cell) => !/^-+$/.test(cell))
}

function isHead(lines: readonly string[], index: number): boolean {
  return /^\|[\s|-]+$/.test(lines[index + 1] ?? '')
}
