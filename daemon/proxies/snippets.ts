/** The user's own lines are taken as they are, but they stay at their level. Pure. */

import { LbmError } from '../../src/contract/errors.ts'
import type { ProxiedApp } from './proxied-app.ts'

/** @throws LbmError CONFIG_INVALID for lines that would close the block around them, or leave one open */
export function checkSnippets({ key, proxy }: ProxiedApp): void {
  for (const [level, text] of Object.entries(proxy.snippets)) {
    if (text !== undefined && !isBalanced(text)) {
      throw new LbmError(
        'CONFIG_INVALID',
        `App "${key}": proxy.snippets.${level} leaves a "{" open, or closes one that it did not open.`,
      )
    }
  }
}

/** Quotes and comments hide braces, as nginx reads them. */
function isBalanced(text: string): boolean {
  const bare = text.replaceAll(/\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?<=^|\s)#[^\n]*/gs, '')
  if (/["']/.test(bare)) return false
  let depth = 0
  for (const letter of bare) {
    if (letter === '{') depth += 1
    if (letter === '}') depth -= 1
    if (depth < 0) return false
  }
  return depth === 0
}
