import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import { askAll } from '../helpers/ask.ts'
import { newCli } from '../helpers/cli.ts'
import { DIST, FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'

test(
  'upgrade under load → daemon and supervisors are new, same ids and counts, 0 requests lost',
  { timeout: 60_000 },
  async () => {
    await using cli = newCli()
    const [port, forkPort] = [await freePort(), await freePort()]
    await cli.ok('start', join(FIXTURES, 'http.cjs'), '-i', '2', '-n', 'many', {
      env: { PORT: String(port) },
    })
    await cli.ok('start', join(FIXTURES, 'http.cjs'), '-n', 'one', {
      env: { PORT: String(forkPort) },
    })
    await cli.ok('restart', 'one')
    const before = await cli.jlist()
    const { pid } = JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }
    const loads = [startLoad({ port, slowMs: 100 }), startLoad({ port: forkPort, slowMs: 100 })]
    const upgrade = await cli.ok('upgrade')
    const after = await cli.jlist()
    const pids = await askAll(port, 2)
    const results = await Promise.all(loads.map((load) => load.stop()))
    printFigure(
      `${results.flatMap(({ failures }) => failures).length} of ${results.reduce((sum, { requests }) => sum + requests, 0)} requests failed`,
    )
    expect(results.flatMap(({ failures }) => failures)).toEqual([])
    expect(upgrade.stdout).toMatch(/\[app-many\] ✓ replaced/)
    expect(upgrade.stdout).toMatch(/\[fork\] ✓ replaced/)
    expect((JSON.parse((await cli.ok('ping', '--json')).stdout) as { pid: number }).pid).not.toBe(
      pid,
    )
    const facts = (list: typeof after) =>
      list.map(({ pm_id, name, pm2_env }) => [pm_id, name, pm2_env.status, pm2_env.restart_time])
    expect(facts(after)).toEqual(facts(before))
    expect(pids).toEqual(new Set(after.filter(({ name }) => name === 'many').map((one) => one.pid)))
  },
)

test(
  'upgrade to a version whose supervisor does not come up → exit 1, the old ones serve on, 0 requests lost',
  { timeout: 60_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lt-version-'))
    try {
      cpSync(join(DIST, '..', 'bin'), join(folder, 'bin'), { recursive: true })
      cpSync(DIST, join(folder, 'dist'), { recursive: true })
      cpSync(join(DIST, '..', 'package.json'), join(folder, 'package.json'))
      await using cli = newCli()
      const port = await freePort()
      await cli.ok('start', join(FIXTURES, 'http.cjs'), '-i', '2', { env: { PORT: String(port) } })
      const before = (await cli.jlist()).map(({ pid }) => pid)
      const load = startLoad({ port })
      writeFileSync(join(folder, 'dist/supervisor.cjs'), 'process.exit(9)\n')
      const upgrade = await cli.lbm('upgrade', { bin: join(folder, 'bin/lbm.js') })
      const { failures } = await load.stop()
      expect(upgrade.exitCode).toBe(1)
      expect(upgrade.stderr).toMatch(/Not upgraded: app-http/)
      expect((await cli.jlist()).map(({ pid }) => pid)).toEqual(before)
      expect(failures).toEqual([])
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)
