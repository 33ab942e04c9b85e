import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, expect, test } from 'vitest'

import { connectRpc } from '../../../daemon/kernel/rpc-client.ts'
import {
  type RpcServer,
  serveRpc,
  type RpcServerOptions,
} from '../../../daemon/kernel/rpc-server.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import { type Hello, PROTOCOL } from '../../../src/contract/version.ts'

interface EchoApi {
  echo: { params: { value: unknown }; result: { value: unknown } }
  fail: { params: object; result: object }
  hang: { params: object; result: object }
}

const hello: Hello = { protocol: PROTOCOL, version: '0.0.0', role: 'daemon', pid: 1 }
let folder: string
let path: string
let server: RpcServer | undefined

const methods = {
  echo: (params: unknown) => params,
  fail: () => {
    throw new LbmError('APP_NOT_FOUND', 'No app called "x".', { hint: 'Did you mean "y"?' })
  },
  hang: () => new Promise(() => undefined),
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lbm-rpc-'))
  path = join(folder, 'run', 'x.sock')
})

afterEach(async () => {
  await server?.[Symbol.asyncDispose]()
  server = undefined
  rmSync(folder, { recursive: true, force: true })
})

async function serve(options: Partial<RpcServerOptions<EchoApi>> = {}): Promise<RpcServer> {
  server = await serveRpc({ path, hello, methods, ...options })
  return server
}

const client = (onNotification?: (method: string, params: unknown) => void) =>
  connectRpc<EchoApi>({
    path,
    hello: { ...hello, role: 'cli' },
    timeoutMs: 2000,
    ...(onNotification && { onNotification }),
  })

/** A raw socket and everything it was sent until it closed. */
function raw(): { socket: Socket; untilClosed: Promise<string> } {
  const socket = connect(path)
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => undefined)
  const untilClosed = new Promise<string>((resolve) => {
    socket.once('close', () => resolve(text))
  })
  return { socket, untilClosed }
}

test('request → answer; socket 0600 in a folder 0700', async () => {
  await serve()
  using peer = await client()
  expect(await peer.request('echo', { value: 'ü'.repeat(300_000) })).toEqual({
    value: 'ü'.repeat(300_000),
  })
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(folder, 'run')).mode & 0o777).toBe(0o700)
})

test('an error of a method arrives with code, message and hint', async () => {
  await serve()
  using peer = await client()
  await expect(peer.request('fail', {})).rejects.toMatchObject({
    code: 'APP_NOT_FOUND',
    message: 'No app called "x".',
    hint: 'Did you mean "y"?',
  })
})

test('unknown methods, inherited names too → PROTOCOL_MISMATCH', async () => {
  await serve()
  using peer = await client()
  for (const name of ['nope', 'constructor', '__proto__', 'toString']) {
    await expect(peer.request(name as 'echo', { value: 1 })).rejects.toMatchObject({
      code: 'PROTOCOL_MISMATCH',
    })
  }
})

test('a broadcast reaches every peer', async () => {
  const { broadcast } = await serve()
  const got: unknown[] = []
  await new Promise<void>((resolve, reject) => {
    const take = (method: string, params: unknown): void => {
      got.push([method, params])
      if (got.length === 2) resolve()
    }
    Promise.all([client(take), client(take)]).then(() => broadcast('event', { a: 1 }), reject)
  })
  expect(got).toEqual([
    ['event', { a: 1 }],
    ['event', { a: 1 }],
  ])
})

test('pending requests are rejected when the server goes; so are later ones', async () => {
  const running = await serve()
  using peer = await client()
  const pending = peer.request('hang', {})
  const rejection = pending.catch((error: unknown) => error)
  await peer.request('echo', { value: 1 })
  await running[Symbol.asyncDispose]()
  expect(await rejection).toMatchObject({ code: 'DAEMON_UNREACHABLE' })
  await peer.closed
  await expect(peer.request('echo', { value: 1 })).rejects.toMatchObject({
    code: 'DAEMON_UNREACHABLE',
  })
})

test('a request that is not answered in its time → DAEMON_UNREACHABLE', async () => {
  await serve()
  using peer = await client()
  await expect(peer.request('hang', {}, { timeoutMs: 20 })).rejects.toMatchObject({
    code: 'DAEMON_UNREACHABLE',
  })
})

test.each([
  'garbage\n',
  '[]\n',
  'null\n',
  '123\n',
  '{"jsonrpc":"2.0"}\n',
  '{"jsonrpc":"2.0","method":5}\n',
  `"${'x'.repeat(1100_000)}"\n`,
])('a peer that sends %j is dropped, others are unharmed', async (text) => {
  const bugs: unknown[] = []
  await serve({ onBug: (error) => bugs.push(error) })
  using peer = await client()
  const { socket, untilClosed } = raw()
  socket.write(text)
  await untilClosed
  expect(await peer.request('echo', { value: 2 })).toEqual({ value: 2 })
  expect(bugs).toEqual([])
})

test('a peer that never speaks, and one that stops in a line, are dropped', async () => {
  await serve({ limits: { helloMs: 30, stallMs: 30 } })
  const silent = raw()
  const stalled = raw()
  stalled.socket.write(
    '{"jsonrpc":"2.0","method":"hello","params":{"protocol":{"major":1,"minor":0},"role":"cli"}}\n{"jso',
  )
  const got = await Promise.all([silent.untilClosed, stalled.untilClosed])
  expect(got.map((text) => text.includes('hello'))).toEqual([true, true])
})

test('full of silent connections → one that speaks still gets in', async () => {
  await serve({ limits: { connections: 5 } })
  const crowd = Array.from({ length: 50 }, raw)
  using peer = await client()
  expect(await peer.request('echo', { value: 3 })).toEqual({ value: 3 })
  for (const { socket } of crowd) socket.destroy()
})

test('a peer that does not read is dropped once more than the limit waits', async () => {
  const { broadcast, peers } = await serve({ limits: { bufferedBytes: 100_000 } })
  const { socket, untilClosed } = raw()
  socket.pause()
  using peer = await client()
  await peer.request('echo', { value: 1 })
  const before = peers().length
  for (let i = 0; i < 40; i += 1) {
    broadcast('event', 'x'.repeat(50_000))
    await peer.request('echo', { value: 1 })
  }
  socket.resume()
  await untilClosed
  expect([before, peers().length]).toEqual([2, 1])
})

test('more requests at once than the limit → BAD_REQUEST for those', async () => {
  await serve({ limits: { inFlight: 2 } })
  using peer = await client()
  void Promise.allSettled([peer.request('hang', {}), peer.request('hang', {})])
  await expect(peer.request('echo', { value: 1 })).rejects.toMatchObject({ code: 'BAD_REQUEST' })
})

test('a stale socket file is replaced; a successor keeps its own when the predecessor goes', async () => {
  const first = await serve()
  server = undefined
  const second = await serve()
  await first[Symbol.asyncDispose]()
  using peer = await client()
  expect(await peer.request('echo', { value: 4 })).toEqual({ value: 4 })
  await second[Symbol.asyncDispose]()
  expect(() => statSync(path)).toThrow('ENOENT')
  writeFileSync(path, 'not a socket')
  await serve()
  using again = await client()
  expect(await again.request('echo', { value: 5 })).toEqual({ value: 5 })
})

test('a path that is too long → HOME_UNUSABLE', async () => {
  await expect(serve({ path: join(folder, 'x'.repeat(120), 'x.sock') })).rejects.toMatchObject({
    code: 'HOME_UNUSABLE',
  })
})

test('nobody there → DAEMON_UNREACHABLE', async () => {
  await expect(client()).rejects.toMatchObject({ code: 'DAEMON_UNREACHABLE' })
})
