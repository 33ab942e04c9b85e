/** An instance that leaves cuts nobody off before its time. */

import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'

import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'

import type { BalancePolicy, Mode } from '../../../src/contract/app.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startLoad } from '../../helpers/load.ts'
import { until } from '../../helpers/until.ts'
import { ask, get } from './client.ts'
import {
  appPath,
  type Instance,
  loadedApp,
  nodes,
  script,
  type TestApp,
  testApp,
} from './harness.ts'

/** What a supervisor does in a reload. */
async function replace(app: TestApp, old: Instance): Promise<Instance> {
  const next = app.spawn(old.number)
  await next.when('listening')
  app.balancer.setInRotation(next.memberId, true)
  // Far longer than the clients think, also on a busy machine.
  await old.drain({ idleMs: 1500, timeoutMs: 8000 })
  await old.kill('SIGINT')
  app.balancer.sweep()
  return next
}

describe.each(nodes)('Node $version', ({ path: node }) => {
  test.each<[Mode, BalancePolicy]>([
    ['cluster', 'least-connections'],
    ['cluster', 'kernel'],
    ['cluster', 'sticky'],
    ['fork', 'kernel'],
  ])('%s, %s: no request is lost in three replacements', async (mode, policy) => {
    const env = { PORT: String(await freePort()) }
    await using app = testApp({ app: loadedApp, node, mode, env, spec: { policy } })
    const port = await app.start(mode === 'fork' ? 1 : 2)
    const load = startLoad({ port, keepAlive: 6, fresh: 6, thinkMs: 20, slowMs: 20 })
    let current = app.instances[0]!
    for (let n = 0; n < 3; n++) current = await replace(app, current)
    await until(() => load.result.byPid.get(current.pid))
    const { failures } = await load.stop()
    expect(failures).toEqual([])
  })

  test('a request under way ends, its connection closes, an idle one stays for idleMs', async () => {
    await using app = testApp({ app: appPath('http.cjs'), node })
    const port = await app.start(1)
    const idle = net.connect(port)
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((resolve) => idle.once('data', resolve))
    const started = performance.now()
    const idleClosed = new Promise<number>((resolve) =>
      idle.once('close', () => resolve(performance.now() - started)),
    )
    const agent = new http.Agent({ keepAlive: true })
    const slow = ask(port, '/sleep?ms=1500', { agent })
    await until(() =>
      app.instances[0]?.seen.some((each) => each.act === 'report' && each.activeRequests === 1),
    )
    await app.instances[0]?.drain({ idleMs: 600, timeoutMs: 8000 })
    expect((await slow).headers.connection).toBe('close')
    const idledMs = await idleClosed
    expect(idledMs).toBeGreaterThan(550)
    expect(idledMs).toBeLessThan(4000)
    agent.destroy()
  })

  test('HTTP/2 sessions are told to go away and their streams end', async () => {
    const path = script(`
      require('node:http2').createServer((request, response) => setTimeout(() => response.end('done'), 300)).listen(0)
    `)
    await using app = testApp({ app: path, node })
    const port = await app.start(1)
    const session = http2.connect(`http://127.0.0.1:${port}`)
    const goaway = new Promise<number>((resolve) => session.once('goaway', resolve))
    const request = session.request({ ':path': '/' })
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
    const ended = new Promise((resolve) => request.once('end', resolve))
    await until(() => app.balancer.statsOf(app.instances[0]!.memberId)?.accepted === 1)
    await new Promise((resolve) => setTimeout(resolve, 50))
    await app.instances[0]?.drain({ idleMs: 100, timeoutMs: 5000 })
    expect(await goaway).toBe(0)
    await ended
    expect(body).toBe('done')
  })

  test.each(['ws', 'raw-upgrade'])(
    '%s: WebSockets stay until timeoutMs and get the status 1001',
    async (kind) => {
      await using app = testApp({ app: appPath('sockets.cjs'), args: [kind], node })
      const port = await app.start(1)
      const sockets = Array.from({ length: 20 }, () => new WebSocket(`ws://127.0.0.1:${port}`))
      await Promise.all(
        sockets.map((socket) => new Promise((resolve) => socket.once('open', resolve))),
      )
      const started = performance.now()
      const closings = sockets.map(
        (socket) =>
          new Promise<[number, number]>((resolve) =>
            socket.once('close', (code: number) => resolve([code, performance.now() - started])),
          ),
      )
      await app.instances[0]?.drain({ idleMs: 100, timeoutMs: 1500 })
      const all = await Promise.all(closings)
      expect(all.map(([code]) => code)).toEqual(sockets.map(() => 1001))
      const times = all.map(([, ms]) => ms)
      expect(Math.min(...times)).toBeGreaterThan(1100)
      // Not all in one moment: they come back at once, elsewhere.
      expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(100)
    },
  )

  test('raw connections and endless answers end at timeoutMs', async () => {
    const path = script(`
      require('node:http').createServer((request, response) => {
        response.write('data: 1\\n\\n')
      }).listen(0)
    `)
    await using app = testApp({ app: path, node })
    const port = await app.start(1)
    const socket = net.connect(port)
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('data', resolve))
    socket.resume()
    const closed = new Promise((resolve) => socket.once('close', resolve))
    const started = performance.now()
    await app.instances[0]?.drain({ idleMs: 50, timeoutMs: 500 })
    await closed
    expect(performance.now() - started).toBeGreaterThan(350)
  })

  test.each<Mode>(['fork', 'cluster'])(
    '%s: the stop signal finds the process alive, and the app’s own clean-up runs',
    async (mode) => {
      const path = script(`
        const server = require('node:http').createServer((_, response) => response.end('ok')).listen(0)
        process.on('SIGINT', () => server.close(() => { console.log('clean'); process.exitCode = 7 }))
      `)
      await using app = testApp({ app: path, node, mode })
      await app.start(1)
      const [instance] = app.instances
      await instance?.drain({ idleMs: 50, timeoutMs: 500 })
      instance?.child.kill('SIGINT')
      expect(await instance?.exited).toEqual({ code: 7, signal: null })
      expect(instance?.output()).toBe('clean\n')
    },
  )
})

describe.each<Mode>(['fork', 'cluster'])('%s: the supervisor is gone', (mode) => {
  test('a request under way ends, then the instance ends as by a stop', async () => {
    const path = script(`
      const server = require('node:http').createServer((_, response) => {
        setTimeout(() => response.end('late'), 300)
      }).listen(0)
      process.on('SIGINT', () => { console.log('clean'); process.exit(5) })
    `)
    await using app = testApp({ app: path, mode })
    const port = await app.start(1)
    const [instance] = app.instances
    const answer = get(port)
    await until(() =>
      instance?.seen.some((each) => each.act === 'report' && each.activeRequests === 1),
    )
    instance?.child.disconnect()
    expect(await answer).toBe('late')
    expect(await instance?.exited).toEqual({ code: 5, signal: null })
  })

  test('an instance that ignores the signal ends all the same', async () => {
    const path = script(
      `process.on('SIGINT', () => {}); require('node:http').createServer().listen(0)`,
    )
    await using app = testApp({ app: path, mode })
    await app.start(1)
    app.instances[0]?.child.disconnect()
    await app.instances[0]?.exited
  })
})
