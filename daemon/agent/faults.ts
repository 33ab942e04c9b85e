/** Says what an instance is about to die of. Only looks on: the monitor event changes neither exit code nor output. */

import type { Channel } from './channel.ts'

const MAX_MESSAGE = 500

export function reportFaults(channel: Channel): void {
  process.on('uncaughtExceptionMonitor', (error: unknown, origin) => {
    channel.send({
      act: 'fault',
      kind: origin === 'unhandledRejection' ? 'rejection' : 'exception',
      message: describe(error).slice(0, MAX_MESSAGE),
      place: placeIn(error),
    })
  })
}

function describe(error: unknown): string {
  try {
    return String(error)
  } catch {
    return typeof error // an object without a usable toString
  }
}

/** A path with its line and column; `node:internal/…` has none. */
const FRAME = /^\s+at .*?\(?((?:file:\/\/)?\/[^()]+:\d+:\d+)\)?$/
/** Above a syntax error stands where it is. */
const SYNTAX_PLACE = /^((?:file:\/\/)?\/\S+:\d+)$/

/** Where in the app it came from: frames of Node and of the agent are passed over. */
function placeIn(error: unknown): string {
  const stack: unknown =
    typeof error === 'object' && error !== null && 'stack' in error ? error.stack : undefined
  if (typeof stack !== 'string') return ''
  const lines = stack.split('\n')
  const syntaxPlace = SYNTAX_PLACE.exec(lines[0] ?? '')?.[1]
  if (syntaxPlace !== undefined) return syntaxPlace
  for (const line of lines) {
    const place = line.includes('node:') ? undefined : FRAME.exec(line)?.[1]
    if (place !== undefined && !place.includes(__filename)) return place
  }
  return ''
}
