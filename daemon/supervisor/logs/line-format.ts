/** What is written for a line: itself, with a date or a name before it, or a record. */

import type { LogSpec } from '../../../src/contract/app.ts'
import type { EpochMs } from '../../../src/contract/units.ts'

/** A longer line is marked in its JSON record, so that a reader may pass it by. */
const LONG_LINE_CHARS = 64 * 1024

/** @param lines whole lines, each with its newline @returns whole lines */
export type LineFormat = (lines: Buffer) => Buffer

export type FormatDate = (wallMs: EpochMs) => string

/** Where lines come from, as a JSON record tells it, in PM2's words. */
export interface LineOrigin {
  appName: string
  id: number
  type: 'out' | 'err'
}

/** @returns undefined when lines are written as they are */
export function lineFormat(
  spec: LogSpec,
  origin: LineOrigin,
  { wall, formatDate }: { wall: () => EpochMs; formatDate: FormatDate | undefined },
): LineFormat | undefined {
  if (spec.type === 'json') return jsonFormat(origin, wall, formatDate ?? isoDate)
  if (spec.type === 'pairs') return prefixFormat(pairsPrefix(origin, wall, formatDate ?? isoDate))
  if (spec.type === 'prefixed') {
    const name = `${origin.id}|${origin.appName} | `
    return prefixFormat(() => (formatDate === undefined ? name : `${formatDate(wall())}: ${name}`))
  }
  return formatDate === undefined ? undefined : prefixFormat(() => `${formatDate(wall())}: `)
}

function prefixFormat(prefixNow: () => string): LineFormat {
  return (lines) => {
    // As latin1 a byte is a character: nothing is decoded, and no byte is lost that is not UTF-8.
    const prefix = Buffer.from(prefixNow()).toString('latin1')
    const text = lines.toString('latin1', 0, lines.length - 1)
    return Buffer.from(`${prefix}${text.replaceAll('\n', `\n${prefix}`)}\n`, 'latin1')
  }
}

/** PM2's `--format`. */
function pairsPrefix(
  { appName, id, type }: LineOrigin,
  wall: () => EpochMs,
  formatDate: FormatDate,
): () => string {
  const stream = type === 'err' ? 'error' : 'out'
  return () => `timestamp=${formatDate(wall())} app=${appName} id=${id} type=${stream} message=`
}

function jsonFormat(origin: LineOrigin, wall: () => EpochMs, formatDate: FormatDate): LineFormat {
  const fixed = JSON.stringify({
    type: origin.type,
    process_id: origin.id,
    app_name: origin.appName,
  })
  return (lines) => {
    const rest = `,"timestamp":${JSON.stringify(formatDate(wall()))},${fixed.slice(1)}`
    const text = lines.toString('utf8', 0, lines.length - 1)
    return Buffer.from(mayBeOneText(text) ? jsonAtOnce(text, rest) : jsonEach(text, rest))
  }
}

/** An escaped newline cannot be taken for a backslash before an n, and no line is long. */
function mayBeOneText(text: string): boolean {
  return !text.includes('\\') && !hasLongLine(text)
}

function hasLongLine(text: string): boolean {
  for (let from = 0; text.length - from > LONG_LINE_CHARS;) {
    const at = text.lastIndexOf('\n', from + LONG_LINE_CHARS)
    if (at < from) return true
    from = at + 1
  }
  return false
}

/** One call for many lines takes a third less time than one for each. */
function jsonAtOnce(text: string, rest: string): string {
  // In a replacement a dollar is doubled.
  const between = `"${rest}\n{"message":"`.replaceAll('$', '$$$$')
  return `{"message":${JSON.stringify(text).replaceAll('\\n', between)}${rest}\n`
}

function jsonEach(text: string, rest: string): string {
  let records = ''
  for (const line of text.split('\n')) {
    const mark = line.length > LONG_LINE_CHARS ? ',"long":true' : ''
    records += `{"message":${JSON.stringify(line)}${mark}${rest}\n`
  }
  return records
}

const isoDate: FormatDate = (wallMs) => new Date(wallMs).toISOString()

/**
 * Loads dayjs, so it is for those who ask for dates.
 * @param pattern dayjs' tokens, as in PM2's `log_date_format`
 */
export async function loadDateFormat(pattern: string): Promise<FormatDate> {
  const { default: dayjs } = await import('dayjs')
  const stepMs = hasMilliseconds(pattern) ? 1 : 1000
  let step = -1
  let text = ''
  return (wallMs) => {
    const now = Math.floor(wallMs / stepMs)
    if (now !== step) {
      step = now
      text = dayjs(wallMs).format(pattern)
    }
    return text
  }
}

function hasMilliseconds(pattern: string): boolean {
  return pattern.replaceAll(/\[[^\]]*\]/g, '').includes('SSS')
}
