/** Errors under the messages that programs written for PM2 look for. */

import { isLbmError } from '../../contract/errors.ts'

/** lbm's own error stays inside, as the cause. */
export function pm2Error(message: string, cause?: unknown): Error {
  return cause === undefined ? new Error(message) : new Error(message, { cause })
}

export function toPm2Error(error: unknown): unknown {
  if (!isLbmError(error)) return error
  if (error.code === 'SCRIPT_NOT_FOUND' && error.subject !== undefined)
    return pm2Error(`Script not found: ${error.subject}`, error)
  return error
}

/** What PM2 says of a selector that matches nothing. */
export function notFound(selector: string, cause?: unknown): Error {
  if (selector === 'all' || /^\/.*\/$/.test(selector))
    return pm2Error('process name not found', cause)
  return /^\d+$/.test(selector)
    ? pm2Error(`${selector} : id unknown`, cause)
    : pm2Error('process or namespace not found', cause)
}
