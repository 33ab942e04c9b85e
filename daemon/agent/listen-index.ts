/** Numbers the listens of this process on the same address, as Node's cluster does: several `listen(0)` stay apart. */

const used = new Map<string, { next: number; open: Set<number> }>()

export function acquireIndex(key: string): { index: number; release: () => void } {
  const entry = used.get(key) ?? { next: 0, open: new Set<number>() }
  used.set(key, entry)
  const index = entry.next
  entry.next += 1
  entry.open.add(index)
  return {
    index,
    release() {
      entry.open.delete(index)
      // All closed: a server that listens again is the first again.
      if (entry.open.size === 0 && used.get(key) === entry) used.delete(key)
    },
  }
}
