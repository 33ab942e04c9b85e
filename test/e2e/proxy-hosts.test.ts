/** Two hosts of one app behind a proxy: one dies, its cable is cut, and it comes back without a hand. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { type Cli, newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { type Load, type LoadResult, startLoad } from '../helpers/load.ts'
import { type NetworkHost, networkHost } from '../helpers/network-host.ts'
import { endAll, processesOf } from '../helpers/processes.ts'
import { PROXIES } from '../helpers/proxied-world.ts'
import {
  haproxyPlace,
  nginxPlace,
  proxyFolder,
  startHaproxy,
  startNginx,
} from '../helpers/running-proxy.ts'
import { until } from '../helpers/until.ts'

const BASE = 21_001
/** What was sent to a host whose cable is cut fails when its time is over; a check notices the host within this time. */
const NOTICED_MS = 3000

interface Host {
  network: NetworkHost
  cli: Cli
  pids(): Promise<number[]>
}

async function startHost(folder: string, network: NetworkHost, proxy: object): Promise<Host> {
  const cli = newCli({ cwd: folder, node: network.node })
  const app = {
    name: 'api',
    script: join(FIXTURES, 'http.cjs'),
    instances: 2,
    env: { PORT: '3000' },
    slots: { base: BASE, host: network.address },
    proxy,
  }
  const file = join(folder, `${network.address}.json`)
  writeFileSync(file, JSON.stringify({ apps: [app] }))
  await cli.ok('start', file)
  return {
    network,
    cli,
    pids: async () => (await cli.jlist()).map(({ pid }) => pid),
  }
}

/** True once each of these processes has answered since now. */
async function answered(load: Load, pids: readonly number[]): Promise<void> {
  const before = new Map(load.result.byPid)
  const { byPid } = load.result
  await until(
    () => pids.every((pid) => (byPid.get(pid) ?? 0) > (before.get(pid) ?? 0)) || undefined,
  )
}

function failuresSince(result: LoadResult, from: number): string[] {
  return result.failures.filter((_, index) => (result.failedFrom[index] ?? 0) > from)
}

// Namespaces are root's to make.
describe.skipIf(process.geteuid?.() !== 0)('two hosts', () => {
  describe.concurrent.each(PROXIES)('%s', (kind) => {
    test(
      'a host is killed, then cut off; each time it comes back',
      { timeout: 180_000 },
      async () => {
        using folder = proxyFolder()
        using one = networkHost(folder.path)
        using two = networkHost(folder.path)
        const port = await freePort()
        const place =
          kind === 'nginx'
            ? { nginx: nginxPlace(folder, await freePort()) }
            : { haproxy: haproxyPlace(folder) }
        const second = await startHost(folder.path, two, {})
        await using _second = second.cli
        const first = await startHost(folder.path, one, {
          listen: `127.0.0.1:${port}`,
          hosts: [`${two.address}:${BASE}`, `${two.address}:${BASE + 1}`],
          connect_timeout: '300ms',
          read_timeout: '2s',
          fail_timeout: '2s',
          ...place,
        })
        await using _first = first.cli
        const file = folder.file(kind === 'nginx' ? 'lbm-app.conf' : 'lbm.cfg')
        await first.cli.ok('proxy', kind, 'api', '--out', file)
        await using _proxy = await (kind === 'nginx' ? startNginx(folder) : startHaproxy(folder))

        const load = startLoad({ port, slowMs: 50 })
        await answered(load, [...(await first.pids()), ...(await second.pids())])
        expect(load.result.failures).toEqual([])

        const killedAt = await endAll(processesOf(second.cli.home.root).map(({ pid }) => pid))
        await answered(load, await first.pids())
        await second.cli.ok('ping')
        const back = await until(async () => {
          const list = await second.cli.jlist()
          return list.length === 2 && list.every(({ pm2_env: env }) => env.status === 'online')
            ? list.map(({ pid }) => pid)
            : undefined
        })
        await answered(load, back)
        const inHands = load.result.failures.length
        expect(failuresSince(load.result, killedAt)).toEqual([])

        const cutAt = performance.now()
        two.cut()
        await until(() => performance.now() > cutAt + NOTICED_MS + 1000 || undefined)
        await answered(load, await first.pids())
        two.mend()
        await answered(load, back)
        const { requests, failures } = await load.stop()
        const cutOff = failures.slice(inHands)
        printFigure(
          `${kind}: a host killed: ${inHands}, its cable cut: ${cutOff.length} of ${requests} failed, all in its hands`,
        )
        expect(failuresSince(load.result, cutAt + NOTICED_MS)).toEqual([])
        // What may be sent again was.
        for (const failure of failures) expect(failure).toMatch(/^POST/)
      },
    )
  })
})
