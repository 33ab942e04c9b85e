/** What came of a reload. */

import type { ActionOutcome } from '../../client/failures.ts'
import { sayOutcomes } from './outcomes.ts'
import type { Say } from './say.ts'

export function sayReloads(say: Say, apps: readonly ActionOutcome[]): void {
  for (const { app, name, rollout, outcomes } of apps) {
    if (outcomes !== undefined) sayOutcomes(say, [{ app, name, outcomes }])
    if (rollout === undefined) continue
    const { result, replaced, generation, message } = rollout
    const note = message === undefined ? '' : `: ${message}`
    if (result === 'done') {
      const count = `${replaced} ${replaced === 1 ? 'instance' : 'instances'}`
      say.info(`[${name}] ✓ reloaded, ${count} replaced (generation ${generation})${note}`)
    } else {
      say.info(
        `[${name}] ✗ ${result === 'rolled-back' ? 'rolled back; the old instances serve on' : 'superseded by another reload'}${note}`,
      )
    }
  }
}
