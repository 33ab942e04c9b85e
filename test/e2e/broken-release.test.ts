import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import { ask } from '../helpers/ask.ts'
import { newCli } from '../helpers/cli.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { releaseFolder } from '../helpers/release.ts'
import { until } from '../helpers/until.ts'

const MODES: [string, string[]][] = [
  ['cluster', ['-i', '2']],
  ['fork', []],
]

const BROKEN: [string, RegExp][] = [
  ['throws.cjs', /no database/],
  ['exits-zero.cjs', /exit code 0/],
  ['silent.cjs', /listen_timeout/],
  ['hangs.cjs', /listen_timeout/],
  ['other-port.cjs', /listens on port \d+, where the one in service listens on port \d+/],
  ['holds-output.cjs', /no database/],
  ['dies-soon.cjs', /lost its database/],
]

describe.concurrent.each(MODES)('%s', (_mode, flags) => {
  test.each(BROKEN)(
    '%s is deployed → exit 1 that names the cause, old pids, 0 requests lost',
    { timeout: 60_000 },
    async (broken, cause) => {
      await using cli = newCli()
      using release = releaseFolder('http.cjs')
      const port = await freePort()
      const start = [
        'start',
        release.script,
        ...flags,
        '--listen-timeout',
        '3000',
        '--kill-timeout',
        '500',
      ]
      await cli.ok(...start, { env: { PORT: String(port) } })
      const before = (await cli.jlist()).map(({ pid }) => pid)
      const load = startLoad({ port })
      release.deploy(broken)
      const reload = await cli.lbm('reload', 'app')
      const { requests, failures } = await load.stop()
      expect(reload.exitCode).toBe(1)
      expect(reload.stderr).toMatch(cause)
      expect((await cli.jlist()).map(({ pid }) => pid)).toEqual(before)
      expect(failures).toEqual([])
      expect(requests).toBeGreaterThan(0)
      // The next, good release goes through.
      release.deploy('http.mjs')
      release.deploy('http.cjs')
      await cli.ok('reload', 'app')
    },
  )

  test(
    'the old one ignores the stop signal → replaced all the same, 0 requests lost',
    { timeout: 60_000 },
    async () => {
      await using cli = newCli()
      using release = releaseFolder('ignores-signals.cjs')
      const port = await freePort()
      await cli.ok('start', release.script, ...flags, '--kill-timeout', '500', {
        env: { PORT: String(port) },
      })
      const before = (await cli.jlist()).map(({ pid }) => pid)
      const load = startLoad({ port })
      await cli.ok('reload', 'app')
      expect((await load.stop()).failures).toEqual([])
      expect((await cli.jlist()).some(({ pid }) => before.includes(pid))).toBe(false)
    },
  )
})

test.concurrent('a boot of 12 s is reloaded → 0 requests lost', { timeout: 90_000 }, async () => {
  await using cli = newCli()
  using release = releaseFolder('slow-boot.cjs')
  const port = await freePort()
  await cli.ok('start', release.script, '-i', '1', {
    env: { PORT: String(port), BOOT_MS: '12000' },
  })
  // From its first listen on it is known that it listens.
  await until(() => ask(port).catch(() => undefined))
  const load = startLoad({ port })
  const reload = await cli.ok('reload', 'app')
  const { requests, failures } = await load.stop()
  printFigure(`${failures.length} of ${requests} requests failed`)
  expect(failures).toEqual([])
  expect(reload.stdout).toMatch(/reloaded/)
})

test.concurrent('scale 4 → 1 → 8 under load → 0 requests lost', { timeout: 90_000 }, async () => {
  await using cli = newCli()
  using release = releaseFolder('http.cjs')
  const port = await freePort()
  await cli.ok('start', release.script, '-i', '4', { env: { PORT: String(port) } })
  const load = startLoad({ port, slowMs: 100 })
  for (const count of [1, 8]) {
    await cli.ok('scale', 'app', String(count))
    expect(await cli.jlist()).toHaveLength(count)
  }
  const { requests, failures } = await load.stop()
  printFigure(`${failures.length} of ${requests} requests failed`)
  expect(failures).toEqual([])
})

test.concurrent.each(['cli', 'daemon', 'supervisor'] as const)(
  'kill -9 of the %s in the middle of a reload → it serves, whole again within seconds',
  { timeout: 60_000 },
  async (victim) => {
    await using cli = newCli()
    using release = releaseFolder('http.cjs')
    const port = await freePort()
    await cli.ok('start', release.script, '-i', '3', { env: { PORT: String(port) } })
    const before = (await cli.jlist()).map(({ pid }) => pid)
    const load = startLoad({ port, post: false })
    const reload = cli.start('reload', 'app')
    // The first one is replaced: the reload is under way.
    await until(
      async () => (await cli.jlist()).some(({ pid }) => !before.includes(pid)) || undefined,
    )
    const pids = {
      cli: reload.pid,
      daemon: Number(JSON.parse(readFileSync(cli.home.daemonPid, 'utf8')).pid),
      supervisor: Number(
        JSON.parse(readFileSync(join(cli.home.runDir, 'app-app.json'), 'utf8')).pid,
      ),
    }
    process.kill(pids[victim], 'SIGKILL')
    await reload.done
    await until(async () => {
      const listed = await cli.jlist()
      return listed.length === 3 &&
        listed.every(({ pid, pm2_env }) => pm2_env.status === 'online' && !before.includes(pid))
        ? listed
        : undefined
    })
    const { failures } = await load.stop()
    printFigure(`${victim}: ${failures.length} requests failed`)
    // Whoever loses the supervisor loses what its instances were answering; nobody else loses anything.
    if (victim !== 'supervisor') expect(failures).toEqual([])
  },
)
