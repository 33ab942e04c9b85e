/** Sessions come to the instance that has them. */

import http from 'node:http'

import { io, type Socket } from 'socket.io-client'
import { describe, expect, test } from 'vitest'

import { freePort } from '../../helpers/free-port.ts'
import { until } from '../../helpers/until.ts'
import { ask, get } from './client.ts'
import { appPath, nodes, testApp } from './harness.ts'

/** Each client with an address of its own, as a proxy on this host tells it. */
const from = (n: number): Record<string, string> => ({
  'X-Forwarded-For': `10.1.${n >> 8}.${n & 255}`,
})

describe('what decides', () => {
  test.each([
    [
      'cookie',
      { stickyCookie: 'session' },
      (value: string) => ({ headers: { cookie: `a=b; session=${value}; c=d` } }),
    ],
    ['query', { stickyQuery: 'token' }, (value: string) => ({ path: `/?x=1&token=${value}` })],
    ['cookie, by default', {}, (value: string) => ({ headers: { cookie: `io=${value}` } })],
    ['query, by default', {}, (value: string) => ({ path: `/?EIO=4&sid=${value}` })],
  ])('%s: once seen, it comes to the same instance from anywhere', async (_, spec, request) => {
    await using app = testApp({ app: appPath('http.cjs'), spec: { policy: 'sticky', ...spec } })
    const port = await app.start(3)
    const pids = new Set<string>()
    for (let n = 0; n < 20; n++) {
      const { headers = {}, path = '/' } = request(`s${n}`) as {
        headers?: Record<string, string>
        path?: string
      }
      const first = await get(port, path, { headers: { ...headers, ...from(n) } })
      const second = await get(port, path, { headers: { ...headers, ...from(n + 1000) } })
      expect(second).toBe(first)
      // Without the value it is placed by its address: there the value came from.
      expect(await get(port, '/', { headers: from(n) })).toBe(first)
      pids.add(first)
    }
    expect(pids.size).toBe(3)
  })

  test('header: the value alone', async () => {
    await using app = testApp({
      app: appPath('http.cjs'),
      spec: { policy: 'sticky', stickyHeader: 'X-Tenant' },
    })
    const port = await app.start(3)
    for (let n = 0; n < 10; n++) {
      const headers = { 'x-tenant': `t${n}` }
      const first = await get(port, '/', { headers: { ...headers, ...from(n) } })
      expect(await get(port, '/', { headers: { ...headers, ...from(n + 50) } })).toBe(first)
    }
  })
})

describe.each(nodes)('Node $version', ({ path: node }) => {
  test('what was read on the way is not lost: a large body, keep-alive, a head in pieces', async () => {
    await using app = testApp({ app: appPath('http.cjs'), node, spec: { policy: 'sticky' } })
    const port = await app.start(2)
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    const body = Buffer.alloc(3 * 1024 * 1024, 'abcdefg')
    for (let n = 0; n < 3; n++) {
      const answer = await ask(port, '/echo', { method: 'POST', body, agent })
      expect(answer.body.length).toBe(body.length)
      expect(answer.body).toBe(body.toString())
    }
    const pieces = http.request({ port, agent, path: '/echo', method: 'POST' })
    const answer = new Promise<string>((resolve) => {
      pieces.on('response', (response) => {
        let text = ''
        response
          .on('data', (chunk: Buffer) => (text += chunk.toString()))
          .on('end', () => resolve(text))
      })
    })
    pieces.write('one ')
    await new Promise((resolve) => setTimeout(resolve, 30))
    pieces.end('two')
    expect(await answer).toBe('one two')
    agent.destroy()
  })

  test('Socket.IO by long-polling: no session is unknown', async () => {
    await using app = testApp({
      app: appPath('socket-io.cjs'),
      node,
      spec: { policy: 'sticky' },
      env: { PORT: String(await freePort()) },
    })
    const port = await app.start(3)
    await using clients = connectAll(port, 60)
    await until(() => clients.connected() === 60)
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(
        clients.sockets.map((socket, n) => ask1(socket, `${round} ${n}`)),
      )
      expect(answers.map(({ text }) => text)).toEqual(
        clients.sockets.map((_, n) => `${round} ${n}`),
      )
    }
    expect(clients.errors).toEqual([])
    expect(new Set(await pidsOf(clients)).size).toBe(3)
  })

  test('Socket.IO: none is unknown while an instance is replaced', async () => {
    await using app = testApp({
      app: appPath('socket-io.cjs'),
      node,
      spec: { policy: 'sticky' },
      env: { PORT: String(await freePort()) },
    })
    const port = await app.start(2)
    await using clients = connectAll(port, 40)
    await until(() => clients.connected() === 40)
    const [old] = app.instances
    const next = app.spawn(0)
    await next.when('listening')
    app.balancer.setInRotation(next.memberId, true)
    const before = await pidsOf(clients)
    expect(before.filter((pid) => pid === old?.pid).length).toBeGreaterThan(0)
    await old?.drain({ idleMs: 200, timeoutMs: 2000 })
    await old?.kill('SIGINT')
    await until(() => clients.connected() === 40)
    // A question that was under way when its session was cut has no answer; the next one has.
    await until(async () =>
      (await pidsOf(clients).catch(() => [old?.pid])).every((pid) => pid !== old?.pid),
    )
    expect(clients.errors.filter((error) => /unknown/i.test(error))).toEqual([])
  })
})

interface Clients extends AsyncDisposable {
  sockets: Socket[]
  errors: string[]
  connected(): number
}

function connectAll(port: number, count: number): Clients {
  const errors: string[] = []
  const sockets = Array.from({ length: count }, (_, n) => {
    const socket = io(`http://127.0.0.1:${port}`, {
      transports: ['polling'],
      forceNew: true,
      extraHeaders: from(n),
      reconnectionDelay: 20,
    })
    const note = (
      error: Error & { description?: unknown; context?: { responseText?: string } },
    ): void => {
      errors.push(`${error.message} ${error.context?.responseText ?? ''}`)
    }
    socket.on('connect_error', note)
    socket.io.engine?.on('error' as never, note as never)
    socket.io.on('error', note)
    socket.on('disconnect', (reason, details) => {
      const context = (details as { context?: { responseText?: string } } | undefined)?.context
      errors.push(`${reason} ${context?.responseText ?? ''}`)
    })
    return socket
  })
  return {
    sockets,
    errors,
    connected: () => sockets.filter((socket) => socket.connected).length,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.removeAllListeners().close()
    },
  }
}

async function ask1(socket: Socket, text: string): Promise<{ pid: number; text: string }> {
  return (await socket.timeout(10_000).emitWithAck('echo', text)) as { pid: number; text: string }
}

async function pidsOf({ sockets }: Clients): Promise<number[]> {
  return (await Promise.all(sockets.map((socket) => ask1(socket, '')))).map(({ pid }) => pid)
}
