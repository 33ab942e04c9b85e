/** Signals of a process in the foreground: those that end it end its apps in order, the others are the apps' own. */

import type { Wire } from '../../client/wire.ts'

const ENDING = ['SIGTERM', 'SIGINT', 'SIGQUIT'] as const
const PASSED_ON = ['SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const
/** A terminal and whoever passes signals on may both send one; a person does not type so fast. */
const SAME_MS = 500

/** @param end stops everything; when it is asked for once more, what still runs is killed */
export function listenForSignals(wire: Wire, end: () => Promise<void>): void {
  let endedAt: number | undefined
  const onEnding = (): void => {
    const now = performance.now()
    if (endedAt === undefined) {
      endedAt = now
      end().catch(() => undefined) // the daemon is gone: so is this process, in a moment
    } else if (now - endedAt > SAME_MS) pass('SIGKILL')
  }
  const pass = (signal: NodeJS.Signals): void => {
    wire.ask('app.signal', { selectors: ['all'], signal }).catch(() => undefined) // nobody is left to hear it
  }
  for (const signal of ENDING) process.on(signal, onEnding)
  for (const signal of PASSED_ON) process.on(signal, pass)
}
