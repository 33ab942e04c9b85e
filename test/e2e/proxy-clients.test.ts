/** What clients behind a proxy rely on: WebSockets, their own address, the same instance each time, a host that steps in. */

import { once } from 'node:events'
import { Agent, createServer, type IncomingHttpHeaders, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'

import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { startLoad } from '../helpers/load.ts'
import { proxiedWorld, PROXIES } from '../helpers/proxied-world.ts'
import { until } from '../helpers/until.ts'

const WEBSOCKET = { script: join(FIXTURES, 'websocket.cjs') }
const LONG = { timeout: 90_000 }

interface Answer {
  status: number
  body: string
  headers: IncomingHttpHeaders
}

function get(
  port: number,
  path: string,
  { from = '127.0.0.1', headers = {} }: { from?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { port, host: '127.0.0.1', path, headers, localAddress: from, agent: new Agent() },
      (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
        )
      },
    )
    call.on('error', reject)
    call.end()
  })
}

const who = async (
  port: number,
  from?: string,
): Promise<{ remote: string; headers: Record<string, string> }> => {
  const { body } = await get(port, '/who', from === undefined ? {} : { from })
  return JSON.parse(body) as { remote: string; headers: Record<string, string> }
}

const numberOf = ({ body }: Answer): number => Number(body.split(' ')[1])

describe.concurrent.each(PROXIES)('%s: WebSockets', (proxy) => {
  test(
    'flow on while their instance drains, end with a close frame, and begin anew elsewhere',
    LONG,
    async () => {
      await using world = await proxiedWorld(proxy, {
        app: { ...WEBSOCKET, instances: 1, drain_idle: 500, drain_timeout: 4000 },
      })
      const socket = new WebSocket(`ws://127.0.0.1:${world.port}/`)
      await once(socket, 'open')
      const answers: string[] = []
      let sent = 0
      let closed: number | undefined
      socket.on('message', (data: Buffer) => answers.push(data.toString()))
      socket.on('close', (code) => (closed = code))
      const timer = setInterval(() => {
        if (socket.readyState !== WebSocket.OPEN) return
        socket.send(String(sent))
        sent += 1
      }, 50)
      await until(() => answers.length > 2 || undefined)
      const answeredBefore = answers.length
      await world.cli.ok('reload', 'api')
      const next = new WebSocket(`ws://127.0.0.1:${world.port}/`)
      await once(next, 'open')
      next.send('hello')
      const [first] = (await once(next, 'message')) as [Buffer]
      await until(() => closed !== undefined || undefined)
      clearInterval(timer)
      next.close()
      printFigure(
        `${proxy}: ${answers.length} of ${sent} messages answered, ${answers.length - answeredBefore} of them in the drain; then close ${closed}`,
      )
      // The last one or two crossed the close frame.
      expect(answers.length).toBeGreaterThanOrEqual(sent - 2)
      expect(answers.length - answeredBefore).toBeGreaterThan(5)
      expect(closed).toBe(1001)
      expect(new Set(answers.map((answer) => answer.split(' ')[0])).size).toBe(1)
      expect(first.toString().split(' ')[0]).not.toBe(answers[0]?.split(' ')[0])
    },
  )
})

describe.concurrent.each(PROXIES)('%s: the client’s address', (proxy) => {
  test('X-Forwarded-For, -Proto, -Host and -Port', LONG, async () => {
    await using world = await proxiedWorld(proxy, { app: WEBSOCKET })
    const { headers } = await who(world.port, '127.0.0.5')
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.5',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': `127.0.0.1:${world.port}`,
      'x-forwarded-port': String(world.port),
    })
  })

  test('PROXY protocol from what is in front', LONG, async () => {
    await using world = await proxiedWorld(proxy, {
      app: WEBSOCKET,
      proxy: { proxy_protocol: 'accept', trust: '127.0.0.1' },
    })
    const socket = connect(world.port, '127.0.0.1')
    let answer = ''
    socket.setEncoding('utf8').on('data', (text: string) => (answer += text))
    socket.write(
      'PROXY TCP4 203.0.113.7 127.0.0.1 4711 80\r\nGET /who HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    await once(socket, 'end')
    expect(answer).toContain('"x-forwarded-for":"203.0.113.7"')
  })
})

test.concurrent(
  'haproxy: PROXY protocol to the app, whose sockets have the client’s address',
  LONG,
  async () => {
    await using world = await proxiedWorld('haproxy', {
      app: { ...WEBSOCKET, balance: { proxy_protocol: true } },
      proxy: { proxy_protocol: 'send' },
    })
    for (const from of ['127.0.0.5', '127.0.0.77'])
      expect((await who(world.port, from)).remote).toMatch(new RegExp(`${from}$`))
  },
)

describe.concurrent.each(PROXIES)('%s: a client comes to the same instance', (proxy) => {
  const ADDRESSES = Array.from({ length: 12 }, (_, index) => `127.0.1.${index + 1}`)

  test('by its address, through a reload', LONG, async () => {
    await using world = await proxiedWorld(proxy, {
      app: { instances: 3 },
      proxy: { algorithm: 'iphash' },
    })
    const ask = async (from: string): Promise<number> =>
      numberOf(await get(world.port, '/', { from }))
    const before = await Promise.all(ADDRESSES.map(ask))
    expect(new Set(before).size).toBeGreaterThan(1)
    await world.cli.ok('reload', 'api')
    await until(
      async () => (await Promise.all(ADDRESSES.map(ask))).join() === before.join() || undefined,
    )
    expect(await Promise.all(ADDRESSES.map(ask))).toEqual(before)
  })

  test('by a cookie, through a reload and a reload of the proxy', LONG, async () => {
    await using world = await proxiedWorld(proxy, {
      app: { instances: 3 },
      proxy: { algorithm: 'cookie' },
    })
    const clients = await Promise.all(
      ADDRESSES.map(async () => {
        const answer = await get(world.port, '/')
        const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
        expect(cookie).toMatch(/^LBM=./)
        return cookie
      }),
    )
    const ask = async (cookie: string): Promise<number> => {
      const answer = await get(world.port, '/', { headers: { cookie } })
      expect(answer.headers['set-cookie']).toBeUndefined()
      return numberOf(answer)
    }
    const before = await Promise.all(clients.map(ask))
    expect(new Set(before).size).toBeGreaterThan(1)
    await world.cli.ok('reload', 'api')
    await until(
      async () => (await Promise.all(clients.map(ask))).join() === before.join() || undefined,
    )
    await world.cli.ok('proxy', proxy, 'api', '--read-timeout', '50s', '--apply')
    expect(await Promise.all(clients.map(ask))).toEqual(before)
  })
})

describe.concurrent.each(PROXIES)('%s: a backup', (proxy) => {
  test('answers while the app is stopped, and no longer once it is back', LONG, async () => {
    const port = await freePort()
    const backup = createServer((incoming, response) => {
      let length = 0
      incoming.on('data', (chunk: Buffer) => (length += chunk.length))
      incoming.on('end', () => response.end(`1 backup ${length}\n`))
    })
    await new Promise<void>((resolve) => backup.listen(port, '127.0.0.1', resolve))
    await using world = await proxiedWorld(proxy, {
      proxy: { hosts: [{ address: `127.0.0.1:${port}`, backup: true }], fail_timeout: '1s' },
    })
    const load = startLoad({ port: world.port })
    const isBackup = async (): Promise<boolean> =>
      (await get(world.port, '/')).body.includes('backup')
    await until(() => load.result.requests > 100 || undefined)
    expect(load.result.byPid.has(1)).toBe(false)
    await world.cli.ok('stop', 'api')
    await until(async () => (await isBackup()) || undefined)
    await world.cli.ok('restart', 'api')
    await until(async () => !(await isBackup()) || undefined)
    const { requests, failures } = await load.stop()
    backup.close()
    backup.closeAllConnections()
    printFigure(`${proxy}: to the backup and back: ${failures.length} of ${requests} failed`)
    expect(failures).toEqual([])
  })
})
