/** Behind a proxy that says for whom it connects, the app sees the client. */

import net from 'node:net'

import { describe, expect, test } from 'vitest'

import type { BalancePolicy, Mode } from '../../../src/contract/app.ts'
import { freePort } from '../../helpers/free-port.ts'
import { v1, v2 } from '../../unit/balancer/proxy-headers.ts'
import { talk } from './client.ts'
import { appPath, nodes, script, testApp, type TestApp, type TestAppOptions } from './harness.ts'

const REQUEST = 'GET /address HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const ipv4 = { address: '192.0.2.44', port: 4711, family: 'IPv4' } as const
const ipv6 = { address: '2001:db8::7', port: 4712, family: 'IPv6' } as const

async function proxied(
  options: Partial<TestAppOptions>,
  policy: BalancePolicy = 'least-connections',
): Promise<{
  app: TestApp
  port: number
}> {
  const app = testApp({
    app: appPath('http.cjs'),
    ...options,
    env: { PORT: String(await freePort()), ...options.env },
    spec: { proxyProtocol: true, policy },
  })
  return { app, port: await app.start(2) }
}

const addressIn = (answer: string): string =>
  /\r\n\r\n(?:[0-9a-f]+\r\n)?(.*?)(?:\r\n0\r\n\r\n)?$/s.exec(answer)?.[1] ?? ''

describe.each(nodes)('Node $version', ({ path: node }) => {
  test.each<[Mode, BalancePolicy]>([
    ['cluster', 'least-connections'],
    ['cluster', 'kernel'],
    ['cluster', 'ip-hash'],
    ['cluster', 'sticky'],
    ['fork', 'kernel'],
  ])('%s, %s: remoteAddress is the client’s', async (mode, policy) => {
    const { app, port } = await proxied({ mode, node }, policy)
    await using _ = app
    for (const header of [v1(ipv4), v2(ipv4)]) {
      expect(addressIn(await talk({ port }, Buffer.concat([header, Buffer.from(REQUEST)])))).toBe(
        ipv4.address,
      )
    }
    for (const header of [v1(ipv6), v2(ipv6)]) {
      expect(addressIn(await talk({ port }, Buffer.concat([header, Buffer.from(REQUEST)])))).toBe(
        ipv6.address,
      )
    }
  })

  test('a header that comes in pieces, and a request after it', async () => {
    const { app, port } = await proxied({ node })
    await using _ = app
    const socket = net.connect(port)
    const answer = new Promise<string>((resolve) => {
      let text = ''
      socket
        .on('data', (chunk: Buffer) => (text += chunk.toString()))
        .on('end', () => resolve(text))
    })
    for (const piece of [
      'PRO',
      'XY TCP4 192.0.2.44 127.0.0.1 4711',
      ' 80\r',
      '\n',
      REQUEST.slice(0, 20),
      REQUEST.slice(20),
    ]) {
      socket.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(addressIn(await answer)).toBe(ipv4.address)
  })

  test('whoever does not say for whom it speaks is cut off', async () => {
    const { app, port } = await proxied({ node })
    await using _ = app
    expect(await talk({ port }, REQUEST).catch(() => '')).toBe('')
  })

  test('raw TCP, and pauseOnConnect', async () => {
    const path = script(`
      const net = require('node:net')
      net.createServer({ pauseOnConnect: process.argv[2] === 'paused' }, (socket) => {
        const paused = socket.isPaused()
        socket.on('data', (chunk) => socket.end([socket.remoteAddress, socket.remotePort, paused, chunk].join(' ')))
        setTimeout(() => socket.resume(), 10)
      }).listen(0)
    `)
    for (const kind of ['paused', 'flowing']) {
      const { app, port } = await proxied({ app: path, args: [kind], node })
      await using _ = app
      const text = Buffer.concat([v2(ipv4), Buffer.from('hello')])
      expect(await talk({ port }, text)).toBe(`192.0.2.44 4711 ${kind === 'paused'} hello`)
    }
  })
})

test('ip-hash goes by the client’s address, not by the proxy’s', async () => {
  const { app, port } = await proxied({}, 'ip-hash')
  await using _ = app
  const pids = new Set<string>()
  for (let n = 0; n < 20; n++) {
    const text = Buffer.concat([
      v1({ ...ipv4, address: `192.0.2.${n}` }),
      Buffer.from(REQUEST.replace('/address', '/')),
    ])
    const [first, second] = [
      addressIn(await talk({ port }, text)),
      addressIn(await talk({ port }, text)),
    ]
    expect(second).toBe(first)
    pids.add(first)
  }
  expect(pids.size).toBe(2)
})
