/** `depends_on` must not go in a circle. */

import type { AppSpec } from '../contract/app.ts'
import type { Problem } from './problems.ts'

export function dependencyProblems(specs: readonly AppSpec[], file: string): Problem[] {
  const byName = new Map(specs.map((spec) => [spec.name, Object.keys(spec.dependsOn)]))
  const circle = findCircle(byName)
  if (circle === undefined) return []
  return [{ place: file, message: `depends_on goes in a circle: ${circle.join(' → ')}` }]
}

/** Depth first; an app that is met again on its own path closes a circle. */
function findCircle(needs: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const walk = (name: string, path: readonly string[]): string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
    if (done.has(name)) return undefined
    for (const need of needs.get(name) ?? []) {
      const circle = walk(need, [...path, name])
      if (circle !== undefined) return circle
    }
    done.add(name)
    return undefined
  }
  for (const name of needs.keys()) {
    const circle = walk(name, [])
    if (circle !== undefined) return circle
  }
  return undefined
}
