/** What came of a reload. */

import type { ActionOutcome } from '../../client/failures.ts'
import type { InstanceView } from '../../contract/instance.ts'
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

/** As PM2 says it: a line an instance. @param views of the instances as they are now, which have the ids */
export function sayReloadsAsPm2(
  say: Say,
  apps: readonly ActionOutcome[],
  words: readonly string[],
  views: readonly InstanceView[],
): void {
  const isDone = ({ rollout }: ActionOutcome): boolean =>
    rollout === undefined || rollout.result === 'done'
  const done = apps.filter(isDone).map(({ app, name, outcomes }) => ({
    app,
    name,
    outcomes:
      outcomes ??
      views
        .filter((view) => view.app === app)
        .map(({ id, number }) => ({ id, number, result: 'ready' as const })),
  }))
  if (done.length > 0) sayOutcomes(say, done, { action: 'reload', words })
  sayReloads(
    say,
    apps.filter((app) => !isDone(app)),
  )
}
