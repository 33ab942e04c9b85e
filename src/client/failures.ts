/** When a command has failed, and the sentence that says why. */

import type { AppOutcome, DaemonApi } from '../contract/api.ts'
import { LbmError } from '../contract/errors.ts'
import type { ExitReason } from '../contract/instance.ts'
import type { InstanceOutcome } from '../contract/supervisor.ts'
import { formatDuration } from '../contract/units.ts'

/** A rollout where instances were replaced in a transaction, outcomes where they were not. */
export type ActionOutcome = DaemonApi['app.reload']['result']['apps'][number]

export function isFailure({ result }: InstanceOutcome): boolean {
  return result === 'failed' || result === 'timed-out'
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

/** The error when an instance did not come up: why, and its last lines. */
function failureOf(apps: readonly AppOutcome[]): LbmError | undefined {
  const failed = apps.flatMap(({ name, outcomes }) =>
    outcomes.filter(isFailure).map((outcome) => ({ name, outcome })),
  )
  const [first] = failed
  if (first === undefined) return undefined
  const more = failed.length > 1 ? `\n  (and ${failed.length - 1} more)` : ''
  const code = first.outcome.result === 'timed-out' ? 'START_TIMED_OUT' : 'START_FAILED'
  return new LbmError(code, `${explainFailure(first.name, first.outcome)}${more}`, {
    hint: `"lbm logs ${first.name}" shows all it printed`,
  })
}

function explainFailure(name: string, { id, result, exit, message }: InstanceOutcome): string {
  const who = `${name} (id ${id})`
  const what = result === 'timed-out' ? 'was not ready in time' : failedAt(exit)
  // The supervisor's own words, where it ended it; else how it ended.
  const because = message ?? (exit === undefined ? '' : deathSentence(exit))
  const sentence = because === '' ? `${who} ${what}.` : `${who} ${what}: ${because}`
  return [sentence, ...lastLines(exit)].join('\n')
}

/** What was ready, or is a job, has started. */
function failedAt(exit: ExitReason | undefined): string {
  return exit?.wasReady === true ? 'failed' : 'failed to start'
}

/** `exit code 1 after 120 ms`, `killed by SIGKILL`, with the exception where there was one. */
export function deathSentence({ code, signal, uptimeMs, message, kind }: ExitReason): string {
  const after = `after ${formatDuration(uptimeMs)}`
  const how = howItEnded(kind, code, signal)
  return message === undefined ? `${how} ${after}` : `${how} ${after}: ${message}`
}

function howItEnded(kind: ExitReason['kind'], code: number | null, signal: string | null): string {
  switch (kind) {
    case 'spawn-failed':
      return 'could not be started'
    case 'heap-oom':
      return 'out of heap memory'
    case 'kernel-oom':
      return 'killed by the kernel for want of memory'
    case 'supervisor-lost':
      return 'its supervisor died'
    case 'exit':
    case 'signal':
    case 'exception':
    case 'rejection':
      return signal === null ? `exit code ${code ?? '?'}` : `killed by ${signal}`
    default:
      return kind satisfies never
  }
}

function lastLines(exit: ExitReason | undefined): string[] {
  if (exit === undefined || exit.lastLines.length === 0) return []
  return ['  its last lines:', ...exit.lastLines.map((line) => `    ${line}`)]
}
