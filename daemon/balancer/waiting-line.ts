/** Connections that wait for an instance, oldest first, one line a listener. */

import type { Monotonic } from '../../src/contract/units.ts'

export interface Waiting {
  readonly key: string
  readonly deadlineMs: Monotonic
}

export interface WaitingLine<W extends Waiting> {
  size(): number
  sizeOf(key: string): number
  push(item: W): void
  /** For what has waited before: it keeps its place. */
  pushFirst(items: readonly W[]): void
  /** Offers the items of a line in order; `take` says whether it took one, and after the first refusal only with `all`. */
  offer(key: string, take: (item: W) => boolean, all: boolean): void
  keys(): string[]
  /** Takes the oldest of the longest line. */
  shiftLongest(): W | undefined
  take(key: string, isWanted: (item: W) => boolean): W | undefined
  takeLate(nowMs: Monotonic): W[]
  takeAll(key: string): W[]
  nextDeadline(): Monotonic | undefined
}

export function createWaitingLine<W extends Waiting>(): WaitingLine<W> {
  const lines = new Map<string, W[]>()
  let size = 0

  function keep(key: string, rest: W[], before: number): void {
    size -= before - rest.length
    if (rest.length === 0) lines.delete(key)
    else lines.set(key, rest)
  }

  return {
    size: () => size,
    sizeOf: (key) => lines.get(key)?.length ?? 0,
    push(item) {
      const line = lines.get(item.key)
      if (line === undefined) lines.set(item.key, [item])
      else line.push(item)
      size += 1
    },
    pushFirst(items) {
      for (const item of [...items].reverse()) {
        lines.set(item.key, [item, ...(lines.get(item.key) ?? [])])
        size += 1
      }
    },
    offer(key, take, all) {
      const line = lines.get(key)
      if (line === undefined) return
      if (all) {
        keep(
          key,
          line.filter((item) => !take(item)),
          line.length,
        )
        return
      }
      let taken = 0
      for (const item of line) {
        if (!take(item)) break
        taken += 1
      }
      if (taken > 0) keep(key, line.slice(taken), line.length)
    },
    keys: () => [...lines.keys()],
    shiftLongest() {
      const [longest] = [...lines].sort(([, a], [, b]) => b.length - a.length)
      if (longest === undefined) return undefined
      const [key, [first, ...rest]] = longest
      keep(key, rest, rest.length + 1)
      return first
    },
    take(key, isWanted) {
      const line = lines.get(key) ?? []
      const wanted = line.find(isWanted)
      if (wanted !== undefined) {
        keep(
          key,
          line.filter((item) => item !== wanted),
          line.length,
        )
      }
      return wanted
    },
    takeLate(nowMs) {
      const late: W[] = []
      for (const [key, line] of lines) {
        const rest = line.filter(({ deadlineMs }) => deadlineMs > nowMs)
        if (rest.length === line.length) continue
        late.push(...line.filter(({ deadlineMs }) => deadlineMs <= nowMs))
        keep(key, rest, line.length)
      }
      return late
    },
    takeAll(key) {
      const line = lines.get(key) ?? []
      keep(key, [], line.length)
      return line
    },
    nextDeadline() {
      let next: Monotonic | undefined
      for (const [first] of lines.values()) {
        if (first !== undefined && (next === undefined || first.deadlineMs < next))
          next = first.deadlineMs
      }
      return next
    },
  }
}
