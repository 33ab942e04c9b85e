/** Cron patterns of a file, before anything is started. The library is loaded only when there is one. */

import { Cron } from 'croner'

import type { AppSpec } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'

/** @throws LbmError CONFIG_INVALID naming each app whose pattern or time zone does not hold */
export function checkCrons(specs: readonly AppSpec[], file: string): void {
  const problems = specs.flatMap(({ name, source, cronRestart, cronTimezone }) => {
    const why = cronRestart === undefined ? undefined : whyNot(cronRestart, cronTimezone)
    const app = source === undefined ? name : `apps[${source.index}] (${name})`
    return why === undefined ? [] : [`${file}: ${app}.cron_restart: "${cronRestart}": ${why}`]
  })
  if (problems.length === 0) return
  throw new LbmError('CONFIG_INVALID', problems.join('\n'), {
    hint: 'write it like "0 4 * * *": minute, hour, day, month, weekday',
  })
}

function whyNot(pattern: string, timezone: string | undefined): string | undefined {
  try {
    const cron = new Cron(pattern, {
      paused: true,
      ...(timezone === undefined ? {} : { timezone }),
    })
    // A time zone is looked at only when a time is computed.
    cron.nextRun()
    cron.stop()
    return undefined
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, '')
  }
}
