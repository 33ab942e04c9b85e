/** Restarts apps at the times of their `cron_restart`. croner is loaded when the first app has one. */

import type { Cron } from 'croner'

import type { AppRecord, AppSpec } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { Log } from '../kernel/log.ts'
import { desiredRunning } from './definitions.ts'

export interface CronJobsOptions {
  log: Log
  restart: (key: string) => Promise<void>
}

export interface CronJobs extends Disposable {
  /** To be called at each change of an app: its time counts while it should run. */
  sync(record: AppRecord): void
  forget(key: string): void
}

interface Job {
  spec: string
  /** Undefined while the library loads. */
  cron?: Cron
}

/** @throws LbmError CONFIG_INVALID when the pattern or the time zone does not hold */
export async function checkCron({ cronRestart, cronTimezone, name }: AppSpec): Promise<void> {
  if (cronRestart === undefined) return
  try {
    const cron = await createCron(cronRestart, cronTimezone)
    cron.stop()
  } catch (error) {
    throw new LbmError(
      'CONFIG_INVALID',
      `${name}: cron_restart "${cronRestart}" does not hold: ${(error as Error).message}`,
      { cause: error, hint: 'write it like "0 4 * * *": minute, hour, day, month, weekday' },
    )
  }
}

export function createCronJobs({ log, restart }: CronJobsOptions): CronJobs {
  const jobs = new Map<string, Job>()

  function forget(key: string): void {
    jobs.get(key)?.cron?.stop()
    jobs.delete(key)
  }

  async function run(key: string): Promise<void> {
    log('cron.restart', { app: key })
    try {
      await restart(key)
    } catch (error) {
      log('cron.restart-failed', { app: key, message: (error as Error).message })
    }
  }

  async function schedule(
    key: string,
    job: Job,
    { cronRestart = '', cronTimezone }: AppSpec,
  ): Promise<void> {
    const cron = await createCron(cronRestart, cronTimezone, () => run(key))
    if (jobs.get(key) === job) job.cron = cron
    else cron.stop()
  }

  return {
    sync(record) {
      const { key, spec } = record
      const isWanted = spec.cronRestart !== undefined && desiredRunning(record).length > 0
      const wanted = isWanted ? JSON.stringify([spec.cronRestart, spec.cronTimezone]) : undefined
      if (jobs.get(key)?.spec === wanted) return
      forget(key)
      if (wanted === undefined) return
      const job: Job = { spec: wanted }
      jobs.set(key, job)
      schedule(key, job, spec).catch((error: unknown) =>
        log('cron.failed', { app: key, message: (error as Error).message }),
      )
    },
    forget,
    [Symbol.dispose]() {
      for (const key of jobs.keys()) forget(key)
    },
  }
}

/** A run that takes longer than the time to the next one is not run twice. */
async function createCron(
  pattern: string,
  timezone: string | undefined,
  run?: () => Promise<void>,
): Promise<Cron> {
  const { Cron: CronJob } = await import('croner')
  const settings = {
    protect: true,
    paused: run === undefined,
    ...(timezone !== undefined && { timezone }),
  }
  return new CronJob(pattern, settings, run ?? (() => undefined))
}
