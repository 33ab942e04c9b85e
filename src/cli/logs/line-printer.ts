/** How a log line looks on the screen, or to a program. */

import dayjs from 'dayjs'

import type { LogSource } from '../../client/logs/sources.ts'
import type { Io } from '../io.ts'
import type { Paint, Palette } from '../output/palette.ts'

export interface LineStyle {
  raw: boolean
  json: boolean
  format: boolean
  /** day.js tokens; undefined: no time. */
  timestamp: string | undefined
  highlight: string | undefined
}

export type PrintLine = (source: LogSource, line: string, isStreamed: boolean) => void

export interface LinePrinterOptions {
  io: Io
  palette: Palette
  style: LineStyle
  nowMs: () => number
}

export const DEFAULT_TIMESTAMP = 'YYYY-MM-DD-HH:mm:ss'

export function createLinePrinter(options: LinePrinterOptions): PrintLine {
  const { io, style, nowMs } = options
  if (style.json) return (source, line) => io.out(jsonLine(source, line, nowMs()))
  if (style.format) return (source, line) => io.out(formatLine(source, line, nowMs()))
  const highlight = highlighter(style.highlight, options.palette)
  if (style.raw) {
    return ({ stream }, line) =>
      stream === 'err' ? io.err(highlight(line)) : io.out(highlight(line))
  }
  const prefix = prefixer(options.palette)
  return (source, line, isStreamed) => {
    const time =
      style.timestamp === undefined || !isStreamed
        ? ''
        : `${dayjs(nowMs()).format(style.timestamp)} `
    io.out(`${time}${prefix(source)}${highlight(line)}`)
  }
}

function jsonLine({ stream, id, app }: LogSource, message: string, nowMs: number): string {
  const timestamp = new Date(nowMs).toISOString()
  return JSON.stringify({
    message,
    timestamp,
    type: stream,
    ...(id === undefined ? {} : { process_id: id }),
    app_name: app,
  })
}

function formatLine({ stream, id, app }: LogSource, message: string, nowMs: number): string {
  const timestamp = dayjs(nowMs).format('YYYY-MM-DD-HH:mm:ssZZ')
  const type = stream === 'err' ? 'error' : 'out'
  return `timestamp=${timestamp} app=${app} id=${id ?? ''} type=${type} message=${message}`
}

function highlighter(word: string | undefined, { mark }: Palette): Paint {
  return word === undefined || word === ''
    ? (line) => line
    : (line) => line.replaceAll(word, mark(word))
}

/** Each app keeps the colour that it got first; prefixes grow to one width, so that the bars stand in a column. */
function prefixer({
  green,
  yellow,
  blue,
  magenta,
  cyan,
  red,
}: Palette): (source: LogSource) => string {
  const colours = [green, yellow, blue, magenta, cyan]
  const colourOf = new Map<string, Paint>()
  let columns = 0
  return ({ app, id, stream }) => {
    const colour = colourOf.get(app) ?? colours[colourOf.size % colours.length] ?? green
    colourOf.set(app, colour)
    const name = id === undefined ? app : `${id}|${app}`
    columns = Math.max(columns, name.length)
    return `${colour(name.padEnd(columns))} ${stream === 'err' ? red('|') : colour('|')} `
  }
}
