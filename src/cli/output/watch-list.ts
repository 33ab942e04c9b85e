/** `lbm list --watch`. */

import { setTimeout as delay } from 'node:timers/promises'

import type { Cli } from '../cli.ts'

const PERIOD_MS = 1000
const CLEAR_AND_HOME = '\u001b[2J\u001b[H'

/** Draws until the process is interrupted; where there is no terminal, one list after the other. */
export async function watchList({ io }: Cli, draw: () => Promise<string>): Promise<never> {
  for (;;) {
    const text = await draw()
    io.out(io.isTerminal ? `${CLEAR_AND_HOME}${text}` : text)
    await delay(PERIOD_MS)
  }
}
