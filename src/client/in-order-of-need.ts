/** Starts apps side by side, each once those are up that it depends on. */

import type { AppSpec } from '../contract/app.ts'

/** Requests under way; how many apps boot at once is the daemon's to bound. */
const MAX_AT_ONCE = 128

/**
 * The file has been checked: there are no circles. What a spec needs that is not among `specs` is taken to be there.
 * @param onSkipped called for an app one of whose needs did not come up
 * @returns outcomes in the order of `specs`
 */
export async function inOrderOfNeed<T>(
  specs: readonly AppSpec[],
  start: (spec: AppSpec) => Promise<{ outcome: T; isUp: boolean }>,
  onSkipped: (spec: AppSpec, need: string) => void,
): Promise<T[]> {
  const slots = createSlots(MAX_AT_ONCE)
  const byName = new Map(specs.map((spec) => [spec.name, spec]))
  const begun = new Map<AppSpec, Promise<{ outcome: T | undefined; isUp: boolean }>>()
  const begin = (spec: AppSpec): Promise<{ outcome: T | undefined; isUp: boolean }> => {
    const known = begun.get(spec)
    if (known !== undefined) return known
    const promise = (async () => {
      for (const name of Object.keys(spec.dependsOn)) {
        const need = byName.get(name)
        if (need !== undefined && !(await begin(need)).isUp) {
          onSkipped(spec, name)
          return { outcome: undefined, isUp: false }
        }
      }
      return await slots(() => start(spec))
    })()
    begun.set(spec, promise)
    return promise
  }
  const results = await Promise.all(specs.map(begin))
  return results.flatMap(({ outcome }) => (outcome === undefined ? [] : [outcome]))
}

/** Runs at most `size` at a time; the others wait in line. */
function createSlots(size: number): <T>(work: () => Promise<T>) => Promise<T> {
  const line: (() => void)[] = []
  let busy = 0
  return async (work) => {
    if (busy >= size) await new Promise<void>((resolve) => line.push(resolve))
    busy += 1
    try {
      return await work()
    } finally {
      busy -= 1
      line.shift()?.()
    }
  }
}
