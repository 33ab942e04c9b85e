import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { call } from '../../src/client/call.ts'
import { askAll } from '../helpers/ask.ts'
import { newCli } from '../helpers/cli.ts'
import { DIST, FIXTURES } from '../helpers/dist.ts'
import { installEarlier } from '../helpers/earlier-package.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { installPackage } from '../helpers/packed-package.ts'
import { RUN_FOLDER } from '../helpers/temp-home.ts'

const EARLIER = '0.0.9'

interface Sample {
  daemon: number
  version: string
  pids: number[]
}

/** Who is there, asked again and again until it is stopped. */
function watchPids(socket: string): { stop(): Promise<Sample[]> } {
  const samples: Sample[] = []
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      try {
        const { instances } = await call(socket, 'app.list', {})
        const { pid, version } = await call(socket, 'daemon.ping', {})
        samples.push({ daemon: pid, version, pids: instances.map((one) => one.pid) })
      } catch {
        // no daemon just now
      }
      await sleep(5)
    }
    return samples
  })()
  return {
    stop() {
      isOver = true
      return watching
    },
  }
}

test(
  'lbm upgrade under load, from the package of the commit before to this one → 0 requests lost; the new daemon finds the same pids',
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(process.env[RUN_FOLDER] ?? '', 'packages-'))
    try {
      const { bin: earlier, from } = installEarlier(mkdtempSync(join(folder, 'earlier-')), EARLIER)
      const bin = installPackage(join(DIST, '..'), mkdtempSync(join(folder, 'now-')))
      await using cli = newCli({ bin })
      const [port, forkPort] = [await freePort(), await freePort()]
      const app = join(FIXTURES, 'http.cjs')
      const old = { bin: earlier }
      const many = { ...old, env: { PORT: String(port) } }
      await cli.ok('start', app, '-i', '2', '-n', 'many', many)
      await cli.ok('start', app, '-n', 'one', { ...old, env: { PORT: String(forkPort) } })
      await cli.ok('restart', 'one', old)
      const before = JSON.parse((await cli.ok('jlist', old)).stdout) as typeof after
      const { pid: oldDaemon, version } = await call(cli.home.socket, 'daemon.ping', {})
      expect(version).toBe(EARLIER)

      const loads = [startLoad({ port, slowMs: 100 }), startLoad({ port: forkPort, slowMs: 100 })]
      const watching = watchPids(cli.home.socket)
      const upgrade = await cli.ok('upgrade')
      const samples = await watching.stop()
      const after = await cli.jlist()
      const pids = await askAll(port, 2)
      const results = await Promise.all(loads.map((load) => load.stop()))

      const failures = results.flatMap((one) => one.failures)
      const requests = results.reduce((sum, one) => sum + one.requests, 0)
      const oldPids = before.map((one) => one.pid)
      const isOld = (sample: Sample): boolean => sample.pids.every((pid) => oldPids.includes(pid))
      const withNewDaemon = samples.filter(({ daemon }) => daemon !== oldDaemon)
      const untouched = withNewDaemon.filter(isOld)
      printFigure(
        `from ${from}: ${failures.length} of ${requests} requests failed; the new daemon answered ${untouched.length} times with the pids of before`,
      )
      expect(failures).toEqual([])
      expect(upgrade.stdout).toMatch(/Daemon: 0\.0\.9 → /)
      expect(upgrade.stdout).toMatch(/\[app-many\] ✓ replaced/)
      expect(upgrade.stdout).toMatch(/\[fork\] ✓ replaced/)
      // The daemon's part touches no instance, and comes first.
      expect(withNewDaemon.slice(0, untouched.length)).toEqual(untouched)
      expect(untouched.length).toBeGreaterThan(0)
      expect(new Set(withNewDaemon.map((one) => one.version)).has(EARLIER)).toBe(false)
      const facts = (list: typeof after) =>
        list.map(({ pm_id, name, pm2_env }) => [pm_id, name, pm2_env.status, pm2_env.restart_time])
      expect(facts(after)).toEqual(facts(before))
      expect(pids).toEqual(
        new Set(after.filter(({ name }) => name === 'many').map((one) => one.pid)),
      )
      expect(after.filter(({ pid }) => oldPids.includes(pid))).toEqual([])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
