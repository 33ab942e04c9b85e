/** The times of `cron_restart`: of services to be restarted, of jobs to run. croner is loaded when the first app has one. */

import type { Cron } from 'croner'

import type { AppRecord, AppSpec } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { Log } from '../kernel/log.ts'
import { desiredRunning } from './definitions.ts'

export interface CronJobsOptions {
  log: Log
  /** Its time has come. */
  due: (key: string) => Promise<void>
}

export interface CronJobs extends Disposable {
  /** To be called at each change of an app: its time counts while it should run. */
  sync(record: AppRecord): void
  forget(key: string): void
  nextRunMs(key: string): number | undefined
}

interface Timer {
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

export function createCronJobs({ log, due }: CronJobsOptions): CronJobs {
  const timers = new Map<string, Timer>()

  function forget(key: string): void {
    timers.get(key)?.cron?.stop()
    timers.delete(key)
  }

  async function run(key: string): Promise<void> {
    log('cron.due', { app: key })
    try {
      await due(key)
    } catch (error) {
      log('cron.failed', { app: key, message: (error as Error).message })
    }
  }

  async function schedule(
    key: string,
    timer: Timer,
    { cronRestart = '', cronTimezone }: AppSpec,
  ): Promise<void> {
    const cron = await createCron(cronRestart, cronTimezone, () => run(key))
    if (timers.get(key) === timer) timer.cron = cron
    else cron.stop()
  }

  return {
    sync(record) {
      const { key, spec } = record
      const isWanted = spec.cronRestart !== undefined && desiredRunning(record).length > 0
      const wanted = isWanted ? JSON.stringify([spec.cronRestart, spec.cronTimezone]) : undefined
      if (timers.get(key)?.spec === wanted) return
      forget(key)
      if (wanted === undefined) return
      const timer: Timer = { spec: wanted }
      timers.set(key, timer)
      schedule(key, timer, spec).catch((error: unknown) =>
        log('cron.failed', { app: key, message: (error as Error).message }),
      )
    },
    forget,
    nextRunMs: (key) => timers.get(key)?.cron?.nextRun()?.getTime(),
    [Symbol.dispose]() {
      for (const key of timers.keys()) forget(key)
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
