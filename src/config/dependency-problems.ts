/** `depends_on` must not go in a circle. */

import type { AppSpec } from '../contract/app.ts'
import { findCircle } from '../contract/dependencies.ts'
import type { Problem } from './problems.ts'

export function dependencyProblems(specs: readonly AppSpec[], file: string): Problem[] {
  const byName = new Map(specs.map((spec) => [spec.name, Object.keys(spec.dependsOn)]))
  const circle = findCircle(byName)
  if (circle === undefined) return []
  return [{ place: file, message: `depends_on goes in a circle: ${circle.join(' → ')}` }]
}
