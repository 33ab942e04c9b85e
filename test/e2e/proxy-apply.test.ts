/** `lbm proxy` as a user has it, with the real nginx and HAProxy. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import type { ProxyView } from '../../src/contract/proxy-api.ts'
import { ask } from '../helpers/ask.ts'
import { type Cli, newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { freePort } from '../helpers/free-port.ts'
import { proxiedWorld, PROXIES } from '../helpers/proxied-world.ts'
import { until } from '../helpers/until.ts'

const LONG = { timeout: 60_000 }

describe.concurrent.each(PROXIES)('%s', (kind) => {
  test('print, check, apply, status, off', LONG, async () => {
    await using one = await proxiedWorld(kind, { apply: false })
    const { cli, file, port } = one
    const printed = await cli.ok('proxy', kind, 'api')
    expect(printed.stdout).toMatch(/^# Written by lbm for api\./)
    const checked = await cli.ok('proxy', kind, 'api', '--check')
    expect(checked.stdout).toBe(printed.stdout)
    expect(checked.stderr).toMatch(/successful|valid/i)

    const applied = await cli.ok('proxy', kind, 'api', '--apply')
    expect(applied.stdout).toMatch(/serves/)
    expect(readFileSync(file, 'utf8')).toBe(printed.stdout)
    expect((await ask(port)).status).toBe(200)
    expect((await cli.ok('proxy', kind, 'api', '--apply')).stdout).toMatch(/serves already/)

    const [view] = JSON.parse((await cli.ok('proxy', 'status', '--json')).stdout) as ProxyView[]
    expect(view).toMatchObject({
      kind,
      file,
      apps: ['api'],
      origin: 'ours',
      running: true,
      differences: [],
    })
    expect(view?.servers.map(({ lbm }) => lbm)).toEqual(['ready', 'ready'])
    expect(view?.totals['requests']).toBeGreaterThan(0)
    expect((await cli.ok('proxy', 'status')).stdout).toContain(file)

    await cli.ok('proxy', 'off', 'api')
    expect(existsSync(file)).toBe(false)
    // Old workers of nginx take a moment to go.
    await until(() =>
      ask(port).then(
        () => undefined,
        (error: Error) => error.message,
      ),
    )
    expect((await cli.ok('proxy', 'status', '--json')).stdout.trim()).toBe('[]')
  })

  test(
    'a port that somebody else has: exit 1, the old one serves, the file is what it was',
    LONG,
    async () => {
      await using one = await proxiedWorld(kind, { apply: false })
      const { cli, file, port } = one
      await cli.ok('proxy', kind, 'api', '--apply')
      const before = readFileSync(file, 'utf8')
      const busy = await freePort()
      const other = createServer()
      await new Promise<void>((resolve) => other.listen(busy, '127.0.0.1', resolve))
      const failed = await cli.lbm(
        'proxy',
        kind,
        'api',
        '--listen',
        `127.0.0.1:${port},127.0.0.1:${busy}`,
        '--apply',
      )
      await new Promise((resolve) => other.close(resolve))
      expect(failed.exitCode, `lbm said: ${failed.all}`).toBe(1)
      expect(failed.stderr).toMatch(/did not take|refuses|reload/)
      if (kind === 'nginx') expect(failed.stderr).toContain(`bind() to 127.0.0.1:${busy} failed`)
      expect(readFileSync(file, 'utf8')).toBe(before)
      expect((await ask(port)).status).toBe(200)
      const [view] = JSON.parse((await cli.ok('proxy', 'status', '--json')).stdout) as ProxyView[]
      expect(view?.differences).toEqual([])
    },
  )

  test('a file changed by hand is left alone, but for --force, which keeps it', LONG, async () => {
    await using one = await proxiedWorld(kind, { apply: false })
    const { cli, file } = one
    await cli.ok('proxy', kind, 'api', '--apply')
    const edited = `${readFileSync(file, 'utf8')}# mine\n`
    writeFileSync(file, edited)
    const refused = await cli.lbm('proxy', kind, 'api', '--algorithm', 'roundrobin', '--apply')
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toMatch(/changed by hand.*--force/s)
    expect((await cli.lbm('proxy', 'off', 'api')).exitCode).toBe(1)
    expect(readFileSync(file, 'utf8')).toBe(edited)
    await cli.ok('proxy', kind, 'api', '--algorithm', 'roundrobin', '--apply', '--force')
    expect(readFileSync(file, 'utf8')).not.toContain('# mine')
    expect(readFileSync(`${file}.before-lbm`, 'utf8')).toBe(edited)
  })

  test(
    'a file is missing, or somebody else broke a part of it: exit 1, nothing changes',
    LONG,
    async () => {
      await using one = await proxiedWorld(kind, { apply: false })
      const { cli, file, port, folder } = one
      await cli.ok('proxy', kind, 'api', '--apply')
      const before = readFileSync(file, 'utf8')
      const missing = ['proxy', kind, 'api', '--cert', folder.file('missing.pem'), '--apply']
      const failed = await cli.lbm(...missing)
      expect(failed.exitCode).toBe(1)
      expect(failed.stderr).toMatch(/refuses.*missing\.pem.*is what it was before/s)
      if (kind === 'nginx') {
        writeFileSync(folder.file('lbm-other.conf'), 'nonsense;')
        const broken = await cli.lbm('proxy', kind, 'api', '--algorithm', 'uri', '--apply')
        expect(broken.exitCode).toBe(1)
        expect(broken.stderr).toMatch(/unknown directive "nonsense"/)
      }
      expect(readFileSync(file, 'utf8')).toBe(before)
      expect((await ask(port)).status).toBe(200)
    },
  )

  test('the proxy is down: exit 1 with what to do; the apps run on', LONG, async () => {
    await using one = await proxiedWorld(kind, { apply: false })
    const { cli, file } = one
    await one.proxy.kill()
    const failed = await cli.lbm('proxy', kind, 'api', '--apply')
    expect(failed.exitCode).toBe(1)
    expect(failed.stderr).toMatch(/does not run/)
    expect(failed.stderr).toMatch(/start it/)
    if (kind === 'nginx') expect(existsSync(file)).toBe(false)
    await cli.ok('scale', 'api', '3')
    await cli.ok('reload', 'api')
    expect((await cli.jlist()).map(({ pm2_env: env }) => env.status)).toEqual(
      Array(3).fill('online'),
    )
  })
})

describe('errors are clear', () => {
  let cli: Cli
  beforeAll(async () => {
    cli = await withApps()
  })
  afterAll(() => cli[Symbol.asyncDispose]())

  test.each([
    [
      ['proxy', 'nginx', 'api', '--server-name', 'a.com;x'],
      2,
      /--server-name: expected a host name/,
    ],
    [['proxy', 'nginx', 'api', '--slow-start', '5s'], 1, /slow_start.*HAProxy/s],
    [['proxy', 'haproxy', 'api', '--static', '/a=/srv'], 1, /serves no files/],
    [['proxy', 'nginx', 'nothing'], 1, /No app/],
    [['proxy', 'off', 'api'], 1, /No proxy was applied/],
    [['proxy', 'apache', 'api'], 2, /apache|command/],
    [['proxy', 'nginx', 'api', '--out', '/proc/x/y.conf'], 1, /cannot be written/],
    [['proxy', 'nginx', 'plain'], 2, /has no slots.*"slots": true/s],
    [['proxy', 'nginx', 'lacking', '--check'], 1, /is not there.*apt-get install nginx/s],
    [['proxy', 'haproxy', 'lacking', '--apply'], 1, /is not there.*apt-get install haproxy/s],
    [['proxy', 'nginx', 'aged'], 1, /nginx 1\.10\.3.*1\.18\.0 and later.*keepalive_timeout/s],
    [['proxy', 'haproxy', 'aged'], 1, /haproxy 2\.2\.9.*2\.4\.0 and later.*idle-close/s],
  ])('lbm %j → exit %i', async (words, exitCode, message) => {
    const run = await cli.lbm(...words)
    expect(run.exitCode, `lbm said: ${run.all}`).toBe(exitCode)
    expect(run.stderr).toMatch(message)
  })
})

/** `lacking` has proxies that are not installed, `aged` ones that are too old. */
async function withApps(): Promise<Cli> {
  const cli = newCli({ cwd: FIXTURES })
  const app = (name: string, keys: object = {}): object => ({
    name,
    script: join(FIXTURES, 'http.cjs'),
    env: { PORT: '0' },
    ...keys,
  })
  const withPrograms = (nginx: string, haproxy: string): object => ({
    slots: true,
    proxy: { nginx: { program: nginx }, haproxy: { program: haproxy } },
  })
  const saying = (name: string, text: string): string => {
    const path = join(cli.home.root, name)
    writeFileSync(path, `#!/bin/sh\necho "${text}"\n`, { mode: 0o755 })
    return path
  }
  const apps = [
    app('api', { slots: true }),
    app('plain'),
    app('lacking', withPrograms('/nowhere/nginx', '/nowhere/haproxy')),
    app(
      'aged',
      withPrograms(
        saying('nginx', 'nginx version: nginx/1.10.3'),
        saying('haproxy', 'HAProxy version 2.2.9-2 2021/01/01'),
      ),
    ),
  ]
  const file = join(cli.home.root, 'ecosystem.json')
  writeFileSync(file, JSON.stringify({ apps }))
  await cli.ok('start', file)
  return cli
}
