/** Keys of `lbm monit`, and what each selects. Pure. */

import { type Screen, selectedView } from './screen.ts'

export type Key = 'up' | 'down' | 'page-up' | 'page-down' | 'first' | 'last' | 'quit'

const KEYS: Record<string, Key> = {
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  k: 'up',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  j: 'down',
  '\u001b[5~': 'page-up',
  '\u001b[6~': 'page-down',
  '\u001b[H': 'first',
  '\u001bOH': 'first',
  '\u001b[1~': 'first',
  g: 'first',
  '\u001b[F': 'last',
  '\u001bOF': 'last',
  '\u001b[4~': 'last',
  G: 'last',
  q: 'quit',
  '\u0003': 'quit',
}

/** What a terminal sent at once may be several keys. */
export function keysIn(text: string): Key[] {
  // oxlint-disable-next-line no-control-regex -- that is how keys begin
  const words = text.match(/\u001b(?:\[[\d;]*[A-Za-z~]|O[A-Z])|[\s\S]/g) ?? []
  return words.flatMap((word) => KEYS[word] ?? [])
}

const PAGE = 10

/** @returns the id that is selected from now on */
export function moveSelection(screen: Screen, key: Key): number | undefined {
  const { views } = screen
  const selected = selectedView(screen)
  if (selected === undefined) return undefined
  const steps: Record<Key, number> = {
    up: -1,
    down: 1,
    'page-up': -PAGE,
    'page-down': PAGE,
    first: -views.length,
    last: views.length,
    quit: 0,
  }
  const at = views.indexOf(selected) + steps[key]
  return views[Math.max(0, Math.min(views.length - 1, at))]?.id
}
