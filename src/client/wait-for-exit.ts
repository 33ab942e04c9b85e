import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

import type { HomePaths } from '../contract/home.ts'

/** The daemon answers `daemon.kill` just before it exits. */
const EXIT_TIMEOUT_MS = 5000
const POLL_MS = 10

/** So that whoever comes next finds neither its socket nor its lock. */
export async function waitForExit({ socket, daemonPid }: HomePaths): Promise<void> {
  const deadline = performance.now() + EXIT_TIMEOUT_MS
  // The pid would tell less: a process that nobody has waited for yet still has it.
  while (performance.now() < deadline && (existsSync(socket) || existsSync(daemonPid)))
    await delay(POLL_MS)
}
