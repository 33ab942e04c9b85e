/** Errors in the words that PM2 has for them, where scripts look for these. */

import type { LbmError } from '../../contract/errors.ts'

/** @returns undefined where PM2 has none of its own */
export function pm2Sentence({ code, subject }: LbmError): string | undefined {
  switch (code) {
    case 'APP_NOT_FOUND':
      if (subject === undefined) return undefined
      return subject === 'all' || /^\/.*\/$/.test(subject)
        ? 'No process found'
        : `Process or Namespace ${subject} not found`
    case 'APP_EXISTS':
      return 'Script already launched, add -f option to force re-execution'
    case 'SCRIPT_NOT_FOUND':
      return subject === undefined ? undefined : `Script not found: ${subject}`
    case 'CONFIG_INVALID':
      return subject === undefined ? undefined : `File ${subject} not found`
    case 'NOTHING_TO_DO':
      return 'Nothing to do'
    default:
      return undefined
  }
}
