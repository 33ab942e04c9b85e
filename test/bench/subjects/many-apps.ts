/** Definitions of many apps, as a file that lbm and PM2 both read. */

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { freePort } from '../../helpers/free-port.ts'
import { RUN_FOLDER } from '../../helpers/temp-home.ts'
import { APP } from './fixtures.ts'

function ecosystem(apps: unknown[]): string {
  const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? tmpdir(), 'eco-'))
  const file = join(folder, 'ecosystem.config.json')
  writeFileSync(file, JSON.stringify({ apps }))
  return file
}

/** Programs that cost next to nothing, where only their number matters. */
export function sleepers(count: number): string {
  return ecosystem(
    Array.from({ length: count }, (_, index) => ({
      name: `sleeper-${index}`,
      script: '/bin/sleep',
      args: '1000000',
      interpreter: 'none',
    })),
  )
}

/** HTTP servers with a port each. */
export function servers(ports: readonly number[]): string {
  return ecosystem(
    ports.map((port, index) => ({
      name: `app-${index}`,
      script: APP,
      env: { PORT: String(port) },
    })),
  )
}

export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await freePort())
  return [...ports]
}
