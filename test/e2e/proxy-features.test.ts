/** What a configuration promises, asked of the real proxies. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'

import type { ProxyView } from '../../src/contract/proxy-api.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { freePort } from '../helpers/free-port.ts'
import { proxiedWorld, type ProxiedWorld, PROXIES } from '../helpers/proxied-world.ts'
import { makeCertificate } from '../helpers/proxy-programs.ts'
import { proxyFolder } from '../helpers/running-proxy.ts'
import { until } from '../helpers/until.ts'

const LONG = { timeout: 90_000 }

interface Answer {
  status: number
  body: string
  headers: Record<string, unknown>
}

function ask(
  port: number,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST'
    const call = request(
      { host: '127.0.0.1', port, path, method, headers, agent: new Agent() },
      (response) => {
        let text = ''
        response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: text, headers: response.headers }),
        )
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

const pidsOf = async ({ cli }: ProxiedWorld, name: string): Promise<number[]> =>
  (await cli.jlist()).filter((one) => one.name === name).map(({ pid }) => pid)

describe.concurrent.each(PROXIES)('%s', (kind) => {
  test('several apps by name and path; one is taken out, the other goes on', LONG, async () => {
    await using world = await proxiedWorld(kind, { proxy: { server_name: 'a.example.com' } })
    const { cli, port, folder } = world
    const { apps } = JSON.parse(readFileSync(folder.file('ecosystem.json'), 'utf8')) as {
      apps: Record<string, unknown>[]
    }
    const [first] = apps as [Record<string, unknown> & { proxy: Record<string, unknown> }]
    // Another test's daemon may choose the same block at this moment.
    const bases = [await freePort(), await freePort()]
    const app = (name: string, proxy: object): object => ({
      name,
      script: join(FIXTURES, 'http.cjs'),
      env: { PORT: '0' },
      slots: { base: bases.pop() },
      proxy: { listen: first.proxy['listen'], ...proxy },
    })
    const more = [
      app('below', { server_name: 'a.example.com', path: '/api' }),
      app('any', { server_name: '*.example.com' }),
    ]
    writeFileSync(folder.file('more.json'), JSON.stringify({ apps: more }))
    await cli.ok('start', 'more.json')
    await cli.ok('proxy', kind, 'api', 'below', 'any', '--apply')

    const answeredBy = async (host: string, path: string): Promise<string> => {
      const { status, body } = await ask(port, path, { headers: { host } })
      for (const name of ['api', 'below', 'any'])
        if ((await pidsOf(world, name)).includes(Number(body.split(' ')[0]))) return name
      return String(status)
    }
    expect(await answeredBy('a.example.com', '/')).toBe('api')
    expect(await answeredBy('A.example.com:80', '/apix')).toBe('api')
    expect(await answeredBy('a.example.com', '/api')).toBe('below')
    expect(await answeredBy('a.example.com', '/api/x?y')).toBe('below')
    expect(await answeredBy('b.example.com', '/api')).toBe('any')

    await cli.ok('proxy', 'off', 'below')
    await until(async () => (await answeredBy('a.example.com', '/api')) === 'api' || undefined)
    expect(await answeredBy('b.example.com', '/')).toBe('any')

    await cli.ok('delete', 'all')
    const [view] = JSON.parse((await cli.ok('proxy', 'status', '--json')).stdout) as ProxyView[]
    expect(view?.differences.join()).toMatch(/there is no app "api"/)
    await cli.ok('proxy', 'off', 'api', 'any')
    expect((await cli.ok('proxy', 'status')).stdout).toMatch(/No proxy was applied/)
  })

  test('TLS and HTTP/2', LONG, async () => {
    using certificates = proxyFolder()
    const cert = makeCertificate(certificates.path)
    await using world = await proxiedWorld(kind, {
      app: { script: join(FIXTURES, 'websocket.cjs') },
      proxy: { cert },
    })
    const session = connectHttp2(`https://localhost:${world.port}`, {
      rejectUnauthorized: false,
      lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    })
    const stream = session.request({ ':path': '/who' })
    let body = ''
    stream.setEncoding('utf8').on('data', (text: string) => (body += text))
    await new Promise((resolve, reject) => {
      stream.on('end', resolve)
      session.on('error', reject)
    })
    session.close()
    expect((JSON.parse(body) as { headers: object }).headers).toMatchObject({
      'x-forwarded-proto': 'https',
      'x-forwarded-for': '127.0.0.1',
    })
  })

  test('the largest body; compression', LONG, async () => {
    await using world = await proxiedWorld(kind, {
      app: { script: join(FIXTURES, 'websocket.cjs') },
      proxy: { max_body: 20_000, gzip: true },
    })
    expect((await ask(world.port, '/', { body: Buffer.alloc(19_000) })).status).toBe(200)
    expect((await ask(world.port, '/', { body: Buffer.alloc(21_000) })).status).toBe(413)
    const long = 'x'.repeat(3000)
    const packed = await ask(world.port, '/who', {
      headers: { 'accept-encoding': 'gzip', 'x-long': long },
    })
    expect(packed.headers['content-encoding']).toBe('gzip')
    expect(packed.body.length).toBeLessThan(1500)
  })

  test('the user’s own lines', LONG, async () => {
    const own =
      kind === 'nginx'
        ? { server: 'add_header X-Own yes always;', location: 'proxy_set_header X-Inner "1";' }
        : {
            server: 'http-response set-header X-Own yes',
            location: 'http-request set-header X-Inner 1',
          }
    await using world = await proxiedWorld(kind, {
      app: { script: join(FIXTURES, 'websocket.cjs') },
      proxy: { snippets: own },
    })
    const { headers, body } = await ask(world.port, '/who')
    expect(headers['x-own']).toBe('yes')
    expect(body).toContain('"x-inner":"1"')
  })

  test('slots in place of the app’s port: nobody gets past the proxy', LONG, async () => {
    await using world = await proxiedWorld(kind, {
      app: {
        script: join(FIXTURES, 'moody.cjs'),
        slots: { only: true },
        // Probes come to the instance in a way of their own.
        readiness: { http: '/ready', period_seconds: 0.3 },
      },
    })
    expect((await ask(world.port, '/')).status).toBe(200)
    await expect(ask(world.appPort, '/')).rejects.toThrow(/ECONNREFUSED/)
    await world.cli.ok('reload', 'api')
    expect((await ask(world.port, '/')).status).toBe(200)
    const [one] = await world.cli.jlist()
    expect(one?.pm2_env.status).toBe('online')
  })
})

test.concurrent('nginx serves files itself', LONG, async () => {
  using folder = proxyFolder()
  mkdirSync(folder.file('public'))
  writeFileSync(folder.file('public/logo.txt'), 'a logo\n')
  await using world = await proxiedWorld('nginx', {
    proxy: { static: { path: '/assets', root: folder.file('public'), expires: '1h' } },
  })
  const { body, headers } = await ask(world.port, '/assets/logo.txt')
  expect(body).toBe('a logo\n')
  expect(headers['cache-control']).toBe('max-age=3600')
  expect((await ask(world.port, '/assets/../../etc/passwd')).status).not.toBe(200)
  expect((await ask(world.port, '/')).body).toMatch(/^\d+ \d 0/)
})

test.concurrent(
  'a base that lbm chose stays over a stop, a reload and a reboot',
  LONG,
  async () => {
    await using world = await proxiedWorld('nginx')
    const { cli, folder } = world
    const port = await freePort()
    const app = {
      name: 'auto',
      script: join(FIXTURES, 'http.cjs'),
      slots: true,
      env: { PORT: String(port) },
    }
    writeFileSync(folder.file('auto.json'), JSON.stringify({ apps: [app] }))
    await cli.ok('start', 'auto.json')
    const address = async (): Promise<string | undefined> =>
      /server (127\.0\.0\.1:\d+) /.exec((await cli.ok('proxy', 'nginx', 'auto')).stdout)?.[1]
    const before = await address()
    expect(before).toMatch(/:2\d{4}$/)
    await cli.ok('reload', 'auto.json')
    expect(await address()).toBe(before)
    await cli.ok('save')
    await cli.ok('kill')
    await cli.ok('resurrect')
    expect(await address()).toBe(before)
    const slot = Number(before?.split(':')[1])
    await until(() =>
      ask(slot, '/').then(
        ({ status }) => status === 200,
        () => undefined,
      ),
    )
  },
)
