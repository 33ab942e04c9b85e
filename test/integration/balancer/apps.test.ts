/** What an app may do with its sockets, and it still works. */

import { execFileSync } from 'node:child_process'
import dgram from 'node:dgram'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import http2 from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'

import type { Mode } from '../../../src/contract/app.ts'
import { freePort } from '../../helpers/free-port.ts'
import { get, talk } from './client.ts'
import {
  appPath,
  type Instance,
  nodes,
  script,
  type TestApp,
  testApp,
  type TestAppOptions,
} from './harness.ts'

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'lbm-sockets-'))
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', ...key, '-nodes', '-days', '2', ...subject, ...files], {
    stdio: 'ignore',
  })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function sockets(kind: string, options: Partial<TestAppOptions> = {}): TestApp {
  return testApp({
    app: appPath('sockets.cjs'),
    args: [kind],
    ...options,
    env: { TLS_DIR: dir, SOCKET: join(dir, 'app.sock'), ...options.env },
  })
}

/** The app's first line of output, parsed. */
async function said(instance: Instance): Promise<unknown> {
  return (await lines(instance, 1))[0]
}

async function lines(instance: Instance, count: number): Promise<unknown[]> {
  for (;;) {
    const all = instance.output().split('\n').slice(0, -1)
    if (all.length >= count) return all.map((line) => JSON.parse(line) as unknown)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function h2(url: string): Promise<{ protocol: string; body: string }> {
  const session = http2.connect(url, { rejectUnauthorized: false })
  try {
    return await new Promise((resolve, reject) => {
      session.once('error', reject)
      const request = session.request({ ':path': '/' })
      let body = ''
      let protocol = ''
      request.on('response', (headers) => (protocol = String(headers['x-protocol'])))
      request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      request.on('end', () => resolve({ protocol, body })).on('error', reject)
      request.end()
    })
  } finally {
    session.close()
  }
}

const pidOf = (text: string): string => text.split(' ')[0] ?? ''

describe.each(nodes)('Node $version', ({ path: node }) => {
  describe.each<Mode>(['cluster', 'fork'])('%s', (mode) => {
    const count = mode === 'cluster' ? 2 : 1
    const one = { mode, node }

    test('HTTP/2 without TLS', async () => {
      await using app = sockets('h2c', one)
      const port = await app.start(count)
      const seen = new Set<string>()
      for (let n = 0; n < count; n++) {
        const { protocol, body } = await h2(`http://127.0.0.1:${port}`)
        expect(protocol).toBe('2.0')
        seen.add(pidOf(body))
      }
      expect(seen.size).toBe(count)
    })

    test('HTTP/2 and HTTP/1 over TLS by ALPN', async () => {
      await using app = sockets('tls', one)
      const port = await app.start(count)
      expect(await h2(`https://localhost:${port}`)).toMatchObject({ protocol: '2.0' })
      const socket = tls.connect({
        port,
        host: 'localhost',
        ALPNProtocols: ['http/1.1'],
        rejectUnauthorized: false,
      })
      const body = await new Promise<string>((resolve, reject) => {
        let text = ''
        socket
          .on('data', (chunk: Buffer) => (text += chunk.toString()))
          .on('end', () => resolve(text))
          .on('error', reject)
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      })
      expect(body).toMatch(/x-protocol: 1\.1/i)
    })

    test('raw TCP', async () => {
      await using app = sockets('tcp', one)
      const port = await app.start(count)
      expect(app.instances.map(({ pid }) => String(pid))).toContain(await talk({ port }, 'x'))
    })

    test('allowHalfOpen', async () => {
      await using app = sockets('half-open', one)
      const port = await app.start(count)
      const text = await new Promise<string>((resolve, reject) => {
        let all = ''
        const socket = net.connect({ port, allowHalfOpen: true }, () => socket.end('question'))
        socket
          .on('data', (chunk: Buffer) => (all += chunk.toString()))
          .on('end', () => resolve(all))
          .on('error', reject)
      })
      expect(text).toMatch(/^\d+ question$/)
    })

    test('pauseOnConnect', async () => {
      await using app = sockets('paused', one)
      const port = await app.start(count)
      expect(await talk({ port }, 'question')).toBe('false question')
    })

    test('WebSocket', async () => {
      await using app = sockets('ws', one)
      const port = await app.start(count)
      const answers = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const socket = new WebSocket(`ws://127.0.0.1:${port}`)
          socket.on('open', () => socket.send('hello'))
          const text = await new Promise<string>((resolve, reject) => {
            socket
              .on('message', (message: Buffer) => resolve(message.toString()))
              .on('error', reject)
          })
          socket.close()
          return text
        }),
      )
      expect(new Set(answers.map(pidOf)).size).toBe(count)
    })

    test('a Unix socket, with its mode', async () => {
      await using app = sockets('unix', one)
      await app.start(count)
      const path = join(dir, 'app.sock')
      expect(statSync(path).mode & 0o666).toBe(0o666)
      const answer = await talk({ path }, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      expect(answer).toMatch(/^HTTP\/1.1 200/)
    })

    test('a Unix socket whose file each instance removes first', async () => {
      await using app = sockets('unix-unlink', one)
      for (let n = 0; n < count; n++) {
        const instance = app.spawn()
        await instance.when('listening')
        app.balancer.setInRotation(instance.memberId, true)
      }
      const answer = await talk(
        { path: join(dir, 'app.sock') },
        'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
      )
      expect(answer).toMatch(/^HTTP\/1.1 200/)
    })

    test('UDP', async () => {
      const PORT = String(await freePort())
      await using app = sockets('udp', { ...one, env: { PORT } })
      await app.start(count)
      const socket = dgram.createSocket('udp4')
      const answer = new Promise<string>((resolve) =>
        socket.once('message', (message) => resolve(message.toString())),
      )
      socket.send('hello', Number(PORT), '127.0.0.1')
      expect(await answer).toMatch(/^\d+ hello$/)
      socket.close()
    })

    test('closing and listening again', async () => {
      const port = await freePort()
      await using app = sockets('again', { ...one, env: { PORT: String(port) } })
      await app.start(count)
      for (const instance of app.instances) await said(instance)
      expect(app.instances.map(({ pid }) => String(pid))).toContain(pidOf(await get(port)))
    })

    test('a port that somebody else has', async () => {
      const other = net.createServer().listen(0)
      const { port } = other.address() as net.AddressInfo
      await using app = sockets('taken', { ...one, env: { PORT: String(port) } })
      const syscall = mode === 'cluster' ? 'bind' : 'listen'
      expect(await said(app.spawn())).toMatchObject({ code: 'EADDRINUSE', syscall, port })
      expect(app.failed).toMatchObject([{ at: { port } }])
      other.close()
    })

    test('a port that closes is free for others', async () => {
      const port = await freePort()
      await using app = sockets('again', { ...one, env: { PORT: String(port) } })
      await app.start(1)
      const [instance] = app.instances
      await instance?.kill()
      app.balancer.sweep()
      const other = net.createServer()
      await new Promise<void>((resolve, reject) =>
        other.listen(port, resolve).once('error', reject),
      )
      other.close()
    })
  })

  test('TLS sessions resume at another instance', async () => {
    await using app = sockets('https', { node, spec: { policy: 'round-robin' } })
    const port = await app.start(2)
    let session: Buffer | undefined
    const seen = new Set<string>()
    for (let n = 0; n < 6; n++) {
      const socket = tls.connect({
        port,
        host: 'localhost',
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2',
        ...(session && { session }),
      })
      const body = await new Promise<string>((resolve, reject) => {
        let text = ''
        socket
          .on('data', (chunk: Buffer) => (text += chunk.toString()))
          .on('end', () => resolve(text))
          .on('error', reject)
        socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      })
      expect(socket.isSessionReused()).toBe(n > 0)
      session = socket.getSession()
      seen.add(/\r\n\r\n(?:.*\r\n)?(\d+) /.exec(body)?.[1] ?? body)
    }
    expect(seen.size).toBe(2)
  })

  test('cluster: several listen(0), each the same port in every instance', async () => {
    await using app = sockets('several', { node })
    await app.start(2)
    const [first, second] = await Promise.all(app.instances.map((instance) => lines(instance, 3)))
    const byName = (all: unknown[] | undefined): unknown[] =>
      (all as { name: string }[]).sort((a, b) => a.name.localeCompare(b.name))
    expect(byName(first)).toEqual(byName(second))
    for (const { name, port } of byName(first) as { name: string; port: number }[]) {
      const answers = await Promise.all([get(port), get(port)])
      expect(answers.map((answer) => answer.split(' ')[1])).toEqual([name, name])
      expect(new Set(answers).size).toBe(2)
    }
  })

  test('cluster: exclusive sockets are each instance’s own', async () => {
    await using app = sockets('exclusive', { node })
    await app.start(2)
    const ports = (await Promise.all(app.instances.map(said))) as { port: number }[]
    expect(ports[0]?.port).not.toBe(ports[1]?.port)
    for (const [n, { port }] of ports.entries())
      expect(pidOf(await get(port))).toBe(String(app.instances[n]?.pid))
  })

  test('cluster: maxConnections sends what is too much to another, and lets it wait when all are full', async () => {
    await using app = sockets('limited', { node })
    const port = await app.start(2)
    const clients: net.Socket[] = []
    const served: net.Socket[] = []
    const answers: string[] = []
    for (let n = 0; n < 5; n++) {
      const socket = net.connect(port)
      socket.on('data', (chunk: Buffer) => {
        answers.push(chunk.toString())
        served.push(socket)
      })
      clients.push(socket)
    }
    while (answers.length < 4) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const { pid } of app.instances)
      expect(answers.filter((each) => each === String(pid))).toHaveLength(2)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(answers).toHaveLength(4)
    served[0]?.destroy()
    while (answers.length < 5) await new Promise((resolve) => setTimeout(resolve, 5))
    for (const client of clients) client.destroy()
    expect(app.instances.map((instance) => instance.output()).join('')).toBe('')
  })

  test('fork: the address is there when listen() returns', async () => {
    const port = await freePort()
    await using app = sockets('address', { mode: 'fork', node, env: { PORT: String(port) } })
    expect(await said(app.spawn())).toMatchObject({ address: { port }, listening: true })
    await app.instances[0]?.when('listening')
    // A second one finds the address taken and gets the same socket.
    expect(await said(app.spawn())).toMatchObject({ listening: true })
    await app.instances[1]?.when('listening')
  })

  test.each<Mode>(['cluster', 'fork'])(
    '%s: an app may call itself before it is ready',
    async (mode) => {
      const path = script(`
      const server = require('node:http').createServer((_, response) => response.end('warm')).listen(0, async () => {
        const response = await fetch('http://127.0.0.1:' + server.address().port)
        console.log(JSON.stringify(await response.text()))
      })
    `)
      await using app = testApp({ app: path, mode, node })
      expect(await said(app.spawn())).toBe('warm')
    },
  )

  test('fork: a later process has its address at once, too', async () => {
    const port = await freePort()
    const env = { PORT: String(port) }
    await using app = sockets('address', { mode: 'fork', node, env })
    const first = await said(app.spawn())
    await app.instances[0]?.kill()
    expect(await said(app.spawn())).toEqual(first)
    expect(first).toMatchObject({ address: { port } })
  })

  test('cluster.worker.disconnect() ends an instance', async () => {
    await using app = sockets('disconnect', { node })
    const instance = app.spawn()
    expect(await instance.exited).toEqual({ code: 0, signal: null })
    await instance.closed
    expect(JSON.parse(instance.output())).toEqual({ after: true, connected: false })
  })

  test('cluster.worker.kill() ends an instance', async () => {
    await using app = sockets('kill', { node })
    expect(await app.spawn().exited).toEqual({ code: 0, signal: null })
  })
})

test('the certificate is the test’s own', () =>
  expect(readFileSync(join(dir, 'cert.pem'), 'utf8')).toMatch(/BEGIN/))
