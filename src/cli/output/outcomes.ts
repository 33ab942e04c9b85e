/** What came of a command, instance by instance. */

import { isFailure } from '../../client/failures.ts'
import type { AppOutcome } from '../../contract/api.ts'
import type { InstanceOutcome } from '../../contract/supervisor.ts'
import type { Say } from './say.ts'

const WORDS: Record<InstanceOutcome['result'], string> = {
  ready: 'online',
  started: 'started',
  completed: 'completed',
  stopped: 'stopped',
  scheduled: 'scheduled',
  failed: 'failed',
  'timed-out': 'not ready in time',
  superseded: 'superseded',
}

/** One line an instance, with PM2's check mark. */
export function sayOutcomes(say: Say, apps: readonly AppOutcome[]): void {
  for (const { name, outcomes } of apps) {
    for (const outcome of outcomes) {
      const mark = isFailure(outcome) ? '✗' : '✓'
      say.info(`[${name}](${outcome.id}) ${mark} ${WORDS[outcome.result]}${noteOf(outcome)}`)
    }
  }
}

function noteOf(outcome: InstanceOutcome): string {
  return outcome.message === undefined || isFailure(outcome) ? '' : ` (${outcome.message})`
}
