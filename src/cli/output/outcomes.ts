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

/** What is done to instances that are there: its word here, and PM2's. */
const ACTIONS = {
  stop: { begins: 'Stopping', pm2: 'stopProcessId' },
  delete: { begins: 'Deleting', pm2: 'deleteProcessId' },
  restart: { begins: 'Restarting', pm2: 'restartProcessId' },
  start: { begins: 'Starting', pm2: 'restartProcessId' },
  reload: { begins: 'Reloading', pm2: 'reloadProcessId' },
} as const

export type Action = keyof typeof ACTIONS

/** PM2 says it with the ids, which are known when it is done. */
export function sayAction(say: Say, action: Action, words: readonly string[]): void {
  if (!say.asPm2) say.info(`${ACTIONS[action].begins} ${words.join(' ')}`)
}

/**
 * One line an instance, with PM2's check mark.
 * @param done what was done to instances that were there, and the words that named them
 */
export function sayOutcomes(
  say: Say,
  apps: readonly AppOutcome[],
  done?: { action: Action; words: readonly string[] },
): void {
  if (say.asPm2 && done !== undefined) sayAppliedAction(say, apps, done)
  for (const { name, outcomes } of apps) {
    for (const outcome of outcomes) {
      const mark = isFailure(outcome) ? '✗' : '✓'
      const word = ` ${WORDS[outcome.result]}${noteOf(outcome)}`
      // Of new instances PM2 says nothing, of others no word.
      if (say.asPm2 && mark === '✓' && done === undefined) continue
      say.info(`[${name}](${outcome.id}) ${mark}${say.asPm2 && mark === '✓' ? '' : word}`)
    }
  }
}

function sayAppliedAction(
  say: Say,
  apps: readonly AppOutcome[],
  { action, words }: { action: Action; words: readonly string[] },
): void {
  const [word = ''] = words
  const groups =
    words.length === 1 ? [{ word, apps }] : apps.map((app) => ({ word: app.name, apps: [app] }))
  for (const group of groups) {
    const ids = group.apps.flatMap(({ outcomes }) => outcomes.map(({ id }) => id))
    say.info(
      `Applying action ${ACTIONS[action].pm2} on app [${group.word}](ids: [ ${ids.join(', ')} ])`,
    )
  }
}

function noteOf(outcome: InstanceOutcome): string {
  return outcome.message === undefined || isFailure(outcome) ? '' : ` (${outcome.message})`
}
