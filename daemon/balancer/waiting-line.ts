/** Connections that wait for an instance, oldest first, one line a listener. */

import type { Monotonic } from '../../src/contract/units.ts'

export interface Waiting {
  readonly key: string
  readonly deadlineMs: Monotonic
}

export interface WaitingLine<W extends Waiting> {
  size(): number
  isEmpty(key: string): boolean
  push(item: W): void
  /** For what has waited before: it keeps its place. */
  pushFirst(items: readonly W[]): void
  /** Offers the items of a line in order; `take` says whether it took one, and after the first refusal only with `all`. */
  offer(key: string, take: (item: W) => boolean, all: boolean): void
  keys(): Iterable<string>
  take(key: string, isWanted: (item: W) => boolean): W | undefined
  /** Takes the oldest of the longest line. */
  takeFromLongest(): W | undefined
  takeLate(nowMs: Monotonic): W[]
  takeAll(key: string): W[]
  nextDeadline(): Monotonic | undefined
}

/** A queue on an array: what has gone leaves a gap at the front, closed now and then. */
interface Line<W> {
  items: W[]
  gone: number
}

const MAX_GAP = 64

export function createWaitingLine<W extends Waiting>(): WaitingLine<W> {
  const lines = new Map<string, Line<W>>()
  let size = 0

  const lineOf = (key: string): Line<W> => {
    const line = lines.get(key) ?? { items: [], gone: 0 }
    lines.set(key, line)
    return line
  }
  const lengthOf = ({ items, gone }: Line<W>): number => items.length - gone

  function drop(line: Line<W>, count: number): void {
    line.gone += count
    size -= count
    if (line.gone < MAX_GAP && line.gone < line.items.length) return
    line.items.splice(0, line.gone)
    line.gone = 0
  }

  /** @returns what was taken */
  function takeWhere(line: Line<W>, isTaken: (item: W) => boolean): W[] {
    const taken: W[] = []
    const rest: W[] = []
    for (const item of line.items.slice(line.gone)) (isTaken(item) ? taken : rest).push(item)
    line.items = rest
    line.gone = 0
    size -= taken.length
    return taken
  }

  return {
    size: () => size,
    isEmpty: (key) => lengthOf(lineOf(key)) === 0,
    push(item) {
      lineOf(item.key).items.push(item)
      size += 1
    },
    pushFirst(items) {
      for (const item of [...items].reverse()) {
        const line = lineOf(item.key)
        line.items.splice(0, line.gone, item)
        line.gone = 0
        size += 1
      }
    },
    offer(key, take, all) {
      const line = lineOf(key)
      if (all) {
        takeWhere(line, take)
        return
      }
      let taken = 0
      for (let n = line.gone; n < line.items.length; n++) {
        const item = line.items[n]
        if (item === undefined || !take(item)) break
        taken += 1
      }
      if (taken > 0) drop(line, taken)
    },
    keys: () => lines.keys(),
    take: (key, isWanted) => takeWhere(lineOf(key), isWanted)[0],
    takeFromLongest() {
      const [longest] = [...lines.values()].sort((a, b) => lengthOf(b) - lengthOf(a))
      const first = longest?.items[longest.gone]
      if (longest !== undefined && first !== undefined) drop(longest, 1)
      return first
    },
    takeLate: (nowMs) =>
      [...lines.values()].flatMap((line) =>
        takeWhere(line, ({ deadlineMs }) => deadlineMs <= nowMs),
      ),
    takeAll: (key) => takeWhere(lineOf(key), () => true),
    nextDeadline() {
      let next: Monotonic | undefined
      for (const { items, gone } of lines.values()) {
        const first = items[gone]
        if (first !== undefined && (next === undefined || first.deadlineMs < next))
          next = first.deadlineMs
      }
      return next
    },
  }
}
