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

/** `file:line:column` of the first frame outside of Node itself. */
function placeIn(error: unknown): string {
  const stack: unknown =
    typeof error === 'object' && error !== null && 'stack' in error ? error.stack : undefined
  if (typeof stack !== 'string') return ''
  for (const line of stack.split('\n')) {
    const place = /^\s+at .*?\(?((?:file:\/\/)?\/[^()]+:\d+:\d+)\)?$/.exec(line)?.[1]
    if (place !== undefined) return place
  }
  return ''
}
