/** Files that are text, not programs. */

import JSON5 from 'json5'
import { parseDocument } from 'yaml'

import { LbmError } from '../contract/errors.ts'

/** With comments, trailing commas and single quotes, as PM2's users have them. Never evaluated. @throws LbmError CONFIG_INVALID */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON5.parse(text)
  } catch (cause) {
    const { message, lineNumber, columnNumber } = cause as Error & {
      lineNumber?: number
      columnNumber?: number
    }
    const position = lineNumber === undefined ? '' : `:${lineNumber}:${columnNumber ?? 1}`
    throw new LbmError(
      'CONFIG_INVALID',
      `${place}${position}: ${message.replace(/^JSON5: /, '').replace(/ at \d+:\d+$/, '')}`,
      { cause },
    )
  }
}

/** @throws LbmError CONFIG_INVALID */
export function parseYaml(text: string, place: string): unknown {
  const document = parseDocument(text, { prettyErrors: true })
  const [error] = document.errors
  if (error === undefined) return document.toJS({ maxAliasCount: 100 })
  const [start] = error.linePos ?? []
  const position = start === undefined ? '' : `:${start.line}:${start.col}`
  const [message = ''] = error.message.split(/ at line |\n/)
  throw new LbmError('CONFIG_INVALID', `${place}${position}: ${message}`, { cause: error })
}
