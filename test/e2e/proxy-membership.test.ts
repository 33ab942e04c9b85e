/** Instances come, go and fall ill: HAProxy is told over its socket, nginx by a reload that is not hurried. */

import { readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'

import { expect, test } from 'vitest'

import type { ProxyServerView, ProxyView } from '../../src/contract/proxy-api.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { type ProxiedWorld, proxiedWorld } from '../helpers/proxied-world.ts'
import { until } from '../helpers/until.ts'

const LONG = { timeout: 120_000 }
const MOODY = { script: join(FIXTURES, 'moody.cjs') }

async function view({ cli }: ProxiedWorld): Promise<ProxyView> {
  const [first] = JSON.parse((await cli.ok('proxy', 'status', '--json')).stdout) as ProxyView[]
  if (first === undefined) throw new Error('no proxy')
  return first
}

/** Resolves when the proxy's servers fulfil the claim. */
const servers = (
  world: ProxiedWorld,
  claim: (servers: ProxyServerView[]) => boolean,
): Promise<ProxyServerView[]> =>
  until(async () => {
    const found = (await view(world)).servers
    return claim(found) ? found : undefined
  })

const isUp = ({ proxy }: ProxyServerView): boolean => proxy?.startsWith('UP') === true

function say(socketPath: string | { host: string; port: number }, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = typeof socketPath === 'string' ? connect(socketPath) : connect(socketPath)
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
    // A master that reloads meanwhile forgets to close.
    socket.setTimeout(500, () => socket.destroy())
    socket.on('close', () => resolve(answer))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      ['ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '') ? undefined : reject(error),
    )
    socket.write(`${line}\n`)
  })
}

const reloadsOf = ({ folder }: ProxiedWorld): Promise<number> =>
  until(async () => {
    const processes = await say(folder.file('master.sock'), 'show proc')
    const count = /master\s+(\d+)/.exec(processes)?.[1]
    // Not 0: the configuration was applied once.
    return count === undefined ? undefined : Number(count)
  })

/** Asks an instance itself, at its slot. */
const askSlot = (port: number, path: string): Promise<string> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, agent: new Agent() }, (response) => {
      response.resume()
      response.on('end', () => resolve(String(response.statusCode)))
    })
      .on('error', reject)
      .end()
  })

// The longest first.
test.concurrent(
  'nginx: a change of the number of slots is one reload, ten seconds later',
  LONG,
  async () => {
    await using world = await proxiedWorld('nginx', { app: { slots: { max: 4 } } })
    const before = readFileSync(world.file, 'utf8')
    expect(before.match(/ down;/g)).toHaveLength(2)
    const load = startLoad({ port: world.port, keepAlive: 0, fresh: 8 })
    const started = performance.now()
    await world.cli.ok('scale', 'api', '3')
    await world.cli.ok('scale', 'api', '4')
    expect(readFileSync(world.file, 'utf8')).toBe(before)
    await until(() => !readFileSync(world.file, 'utf8').includes(' down;') || undefined)
    const afterMs = performance.now() - started
    await until(async () => (await view(world)).differences.length === 0 || undefined)
    await until(() => load.result.byPid.size === 4 || undefined)
    const { requests, failures } = await load.stop()
    printFigure(
      `nginx: reloaded ${Math.round(afterMs / 1000)} s after the first of two scales: ${failures.length} of ${requests} failed`,
    )
    expect(afterMs).toBeGreaterThan(9000)
    expect(failures).toEqual([])
    expect(world.proxy.log().match(/SIGHUP\) received/g)).toHaveLength(2)
  },
)

test.concurrent(
  'HAProxy: more instances than were declared, without a reload; the file equals what runs',
  LONG,
  async () => {
    await using world = await proxiedWorld('haproxy', {
      app: { slots: { max: 3 } },
      proxy: { spare_servers: 4 },
    })
    const reloads = await reloadsOf(world)
    const load = startLoad({ port: world.port })
    await world.cli.ok('scale', 'api', '6')
    const six = await servers(world, (all) => all.length === 6 && all.every(isUp))
    expect(six.map(({ address }) => address)).toEqual(
      Array.from({ length: 6 }, (_, number) => `127.0.0.1:${world.base + number}`),
    )
    await until(
      () =>
        readFileSync(world.file, 'utf8').includes(`server s6 127.0.0.1:${world.base + 5}`) ||
        undefined,
    )
    await world.cli.ok('scale', 'api', '2')
    await servers(world, (all) => all.filter(isUp).length === 2)
    const { requests, failures } = await load.stop()
    printFigure(
      `haproxy: scale 2 → 6 → 2 beyond what was declared: ${failures.length} of ${requests} failed`,
    )
    expect(failures).toEqual([])
    expect(await reloadsOf(world)).toBe(reloads)

    // A reload, by whomever, changes nothing.
    process.kill(world.proxy.pid, 'SIGUSR2')
    await until(async () => (await reloadsOf(world)) > reloads || undefined)
    await servers(world, (all) => all.filter(isUp).length === 2)
    expect((await view(world)).differences).toEqual([])
  },
)

test.concurrent(
  'HAProxy: told to drain before an instance ends, and to use it once it is back',
  LONG,
  async () => {
    await using world = await proxiedWorld('haproxy')
    const load = startLoad({ port: world.port, slowMs: 100 })
    await until(() => load.result.byPid.size === 2 || undefined)
    await world.cli.ok('stop', '1')
    await servers(world, ([, second]) => second?.proxy === 'MAINT')
    const log = readFileSync(world.cli.home.daemonLog, 'utf8').trim().split('\n')
    const told = log.filter((line) => line.includes('"proxy.told"'))
    expect(told.some((line) => line.includes('lbm_api/s2 state drain'))).toBe(true)
    await world.cli.ok('restart', '1')
    await servers(world, (all) => all.every(isUp))
    const { requests, failures } = await load.stop()
    printFigure(
      `haproxy: an instance stopped and started again: ${failures.length} of ${requests} failed`,
    )
    expect(failures).toEqual([])
  },
)

test.concurrent(
  'HAProxy: an instance whose readiness fails gets no new clients until it is well',
  LONG,
  async () => {
    await using world = await proxiedWorld('haproxy', {
      app: {
        ...MOODY,
        readiness: { http: '/ready', period_seconds: 0.2, failure_threshold: 1 },
      },
    })
    await servers(world, (all) => all.every(isUp))
    await askSlot(world.base + 1, '/unready')
    await servers(world, ([first, second]) => first?.proxy === 'UP' && second?.proxy === 'DRAIN')
  },
)

// By itself: others' load would be seen in the loops.
test('HAProxy: weights follow the load', LONG, async () => {
  await using world = await proxiedWorld('haproxy', { app: MOODY, proxy: { load_weights: true } })
  await servers(world, (all) => all.every(isUp))
  await askSlot(world.base + 1, '/burn')
  await servers(
    world,
    ([first, second]) => (first?.weight ?? 0) === 10 && (second?.weight ?? 10) <= 3,
  )
  await askSlot(world.base + 1, '/calm')
  await servers(world, (all) => all.every(({ weight }) => weight === 10))
})

test.concurrent('HAProxy: agent checks are answered by the daemon', LONG, async () => {
  const port = await freePort()
  await using world = await proxiedWorld('haproxy', { proxy: { agent_check: `127.0.0.1:${port}` } })
  const agent = (line: string): Promise<string> => say({ host: '127.0.0.1', port }, line)
  expect(await agent('api/0')).toBe('ready up 100%\n')
  expect(await agent(`api/:${world.base + 1}`)).toBe('ready up 100%\n')
  expect(await agent('other/0')).toMatch(/^down/)
  expect(await agent('api/0; nonsense')).toMatch(/^down/)
  await servers(world, (all) => all.every(isUp))
  await world.cli.ok('stop', '1')
  expect(await agent('api/1')).toBe('down\n')
  expect(await agent('api/0')).toBe('ready up 100%\n')
})

test.concurrent('HAProxy is gone: the apps are not held up, and it is said', LONG, async () => {
  await using world = await proxiedWorld('haproxy')
  rmSync(world.folder.file('admin.sock'))
  await world.cli.ok('scale', 'api', '3')
  await world.cli.ok('reload', 'api')
  await world.cli.ok('stop', 'api')
  const { running, differences } = await view(world)
  expect(running).toBe(false)
  expect(differences.join()).toMatch(/no haproxy answers/)
})
