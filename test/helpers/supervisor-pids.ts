import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Cli } from './cli.ts'

/** Of each supervisor of the home, as its socket's file says. */
export function supervisorPids({ home }: Pick<Cli, 'home'>): number[] {
  return readdirSync(home.runDir)
    .filter((name) => name.endsWith('.json'))
    .map(
      (name) => (JSON.parse(readFileSync(join(home.runDir, name), 'utf8')) as { pid: number }).pid,
    )
}
