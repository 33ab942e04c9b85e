/** What came of a reload, or of any command that starts and stops. */

import type { AppOutcome, DaemonApi } from '../../contract/api.ts'
import { LbmError } from '../../contract/errors.ts'
import { explainFailure, failureOf, sayOutcomes } from './outcomes.ts'
import type { Say } from './say.ts'

/** A rollout where instances were replaced in a transaction, outcomes where they were not. */
export type ActionOutcome = DaemonApi['app.reload']['result']['apps'][number]

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

export function failureOfActions(apps: readonly ActionOutcome[]): LbmError | undefined {
  for (const { name, rollout } of apps) {
    if (rollout === undefined || rollout.result === 'done') continue
    if (rollout.result === 'superseded') {
      return new LbmError(
        'OPERATION_FAILED',
        `The reload of ${name} was superseded by another one.`,
      )
    }
    const why =
      rollout.failed === undefined ? (rollout.message ?? '') : explainFailure(name, rollout.failed)
    return new LbmError(
      'START_FAILED',
      `The reload of ${name} was rolled back; the old instances serve on.\n${why}`,
      {
        hint: `"lbm logs ${name}" shows all the new one printed`,
      },
    )
  }
  return failureOf(apps.flatMap(asOutcome))
}

function asOutcome({ app, name, outcomes }: ActionOutcome): AppOutcome[] {
  return outcomes === undefined ? [] : [{ app, name, outcomes }]
}
