/** How values become words of a configuration. The last gate: what the schemas let through must still be one word. */

import { LbmError } from '../../src/contract/errors.ts'

/** Ends a word, a line or a block in nginx or HAProxy, or begins a quote, a comment, an escape or a variable. */
const SPECIAL = /[\s;{}"'\\#$]|\p{Cc}/u
const QUOTED_SPECIAL = /["\\$]|\p{Cc}/u

/** @throws LbmError CONFIG_INVALID for what would be more than one word */
export function word(value: string | number): string {
  const text = String(value)
  if (text === '' || SPECIAL.test(text)) throw unsafe(text)
  return text
}

/** May hold spaces. @throws LbmError CONFIG_INVALID */
export function quoted(value: string): string {
  if (QUOTED_SPECIAL.test(value)) throw unsafe(value)
  return `"${value}"`
}

function unsafe(text: string): LbmError {
  return new LbmError(
    'CONFIG_INVALID',
    `${JSON.stringify(text).slice(0, 80)} cannot stand in a configuration of a proxy.`,
  )
}

/** `1500` → `1500ms`, `4000` → `4s`. */
export function duration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

/** `::1` → `[::1]`. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${word(host)}]` : word(host)
}

/** The user's own lines, at their level. */
export function snippetLines(text: string | undefined): string[] {
  return text === undefined ? [] : text.replace(/\n+$/, '').split('\n')
}

export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `    ${line}`))
}
