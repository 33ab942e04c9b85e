import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { newCli } from '../helpers/cli.ts'
import { DIST, FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'
import { until } from '../helpers/until.ts'

const WATCHED_MS = 4000
/** Without a growing delay there would be one every 150 ms or so. */
const MOST_ATTEMPTS = 9

test.each([
  ['ends at once', 0],
  ['finds its apps and dies', 600],
])(
  'a daemon that %s, each time it is started → started less and less often, the apps serve on, and a good one finds them',
  { timeout: 60_000 },
  async (_, livesMs) => {
    const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'installed-'))
    try {
      const root = join(DIST, '..')
      for (const name of ['bin', 'dist', 'package.json'])
        cpSync(join(root, name), join(folder, name), { recursive: true })
      await using cli = newCli({ bin: join(folder, 'bin/lbm.js') })
      const port = await freePort()
      await cli.ok('start', join(FIXTURES, 'http.cjs'), '-i', '2', { env: { PORT: String(port) } })
      const before = (await cli.jlist()).map(({ pm_id, pid }) => [pm_id, pid])
      const { pid } = JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }

      const daemon = join(folder, 'dist/daemon.cjs')
      const good = readFileSync(daemon, 'utf8')
      const started = join(folder, 'started')
      writeFileSync(started, '')
      const end = livesMs === 0 ? 'process.exit(9)' : `setTimeout(process.exit, ${livesMs}, 9)`
      writeFileSync(
        daemon,
        `require('node:fs').appendFileSync(${JSON.stringify(started)}, Date.now() + '\\n');${end}\n${good}`,
      )
      const load = startLoad({ port, slowMs: 50 })
      process.kill(pid, 'SIGKILL')
      await sleep(WATCHED_MS)
      const times = readFileSync(started, 'utf8').trimEnd().split('\n').map(Number)
      writeFileSync(daemon, good)
      // A command does not wait for the next try.
      const after = await until(() => cli.jlist().catch(() => undefined))
      const { requests, failures } = await load.stop()

      printFigure(
        `${times.length} daemons in ${WATCHED_MS / 1000} s, the last two ${(times.at(-1) ?? 0) - (times.at(-2) ?? 0)} ms apart; ${failures.length} of ${requests} requests failed`,
      )
      expect(failures).toEqual([])
      expect(times.length).toBeGreaterThan(1)
      expect(times.length).toBeLessThan(MOST_ATTEMPTS)
      expect(after.map(({ pm_id, pid: one }) => [pm_id, one])).toEqual(before)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
