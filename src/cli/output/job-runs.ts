/** The schedule of an app and the history of a job, as rows for `describe`. */

import { type AppRecord, isScheduledJob, type RunRecord } from '../../contract/app.ts'
import { formatDuration } from '../../contract/units.ts'

type Facts = [label: string, value: string][]

const MAX_SHOWN = 10

export function scheduleFacts({ spec }: AppRecord, nextRunMs: number | undefined): Facts {
  const { cronRestart, cronTimezone, job } = spec
  const label = isScheduledJob(spec) ? 'runs at' : 'cron restart'
  return [
    ...(job === undefined ? [] : ([['type', 'job']] satisfies Facts)),
    ...(cronRestart === undefined
      ? []
      : ([
          [label, cronTimezone === undefined ? cronRestart : `${cronRestart} (${cronTimezone})`],
        ] satisfies Facts)),
    ...(nextRunMs === undefined
      ? []
      : ([['next time', new Date(nextRunMs).toISOString()]] satisfies Facts)),
    ...(job === undefined || cronRestart === undefined
      ? []
      : ([['when it still runs', job.overlap]] satisfies Facts)),
  ]
}

/** Newest first. */
export function runFacts({ runs = [] }: AppRecord, id: number): Facts {
  return runs
    .filter((run) => run.id === id)
    .slice(0, MAX_SHOWN)
    .map((run) => [new Date(run.startedAtMs).toISOString(), runSentence(run)])
}

function runSentence({ result, code, signal, durationMs, message }: RunRecord): string {
  const how = signal === null ? `exit code ${code ?? '?'}` : `killed by ${signal}`
  const why = message === undefined ? '' : `: ${message}`
  return `${result} after ${formatDuration(durationMs)} (${how})${why}`
}
