/** Whether an app can have spares: processes that listen beside its instances, and wait. */

import type { AppSpec } from '../contract/app.ts'
import { LbmError } from '../contract/errors.ts'
import type { CheckedApp } from './schema.ts'

const LEAVE_OUT = 'leave "spare" out'

/** @throws LbmError CONFIG_INVALID with what it takes */
export function checkSpare(
  { spare = 0, type }: Pick<CheckedApp, 'spare' | 'type'>,
  { runtime, mode }: Pick<AppSpec, 'runtime' | 'mode'>,
): void {
  if (spare === 0) return
  if (type === 'job') throw refusal('a job runs to its end, and nothing takes its place', LEAVE_OUT)
  if (runtime !== 'node')
    throw refusal('only a Node program can wait beside its instances on their port', LEAVE_OUT)
  if (mode === 'fork')
    throw refusal(
      'in fork mode each instance binds its port itself, and none can wait beside it',
      'give "instances", or write "exec_mode": "cluster"; on the command line, -i <n>',
    )
}

function refusal(why: string, hint: string): LbmError {
  return new LbmError('CONFIG_INVALID', `spare: ${why}.`, { hint })
}
