/** The order of ends: what others depend on goes after them. */

import type { AppRecord } from '../../../src/contract/app.ts'

/**
 * Ends all side by side, each once those have ended that depend on it.
 * @param end must not reject for a reason that is this app's alone
 */
export async function dependentsFirst<T>(
  items: readonly T[],
  recordOf: (item: T) => AppRecord,
  end: (item: T) => Promise<void>,
): Promise<void> {
  const dependents = dependentsOf(items, recordOf)
  const begun = new Map<T, Promise<void>>()
  const begin = (item: T): Promise<void> => {
    const ending =
      begun.get(item) ?? Promise.all((dependents.get(item) ?? []).map(begin)).then(() => end(item))
    begun.set(item, ending)
    return ending
  }
  await Promise.all(items.map(begin))
}

/** No circle: a need that would close one is left out. Definitions have none, but an end must come to an end. */
function dependentsOf<T>(
  items: readonly T[],
  recordOf: (item: T) => AppRecord,
): Map<T, readonly T[]> {
  const found = new Map<T, T[]>()
  const open = new Set<T>()
  const walk = (item: T): void => {
    if (found.has(item)) return
    open.add(item)
    const { name } = recordOf(item).spec
    const direct = items.filter((other) => name in recordOf(other).spec.dependsOn)
    const kept = direct.filter((other) => !open.has(other))
    kept.forEach(walk)
    open.delete(item)
    found.set(item, kept)
  }
  items.forEach(walk)
  return found
}
