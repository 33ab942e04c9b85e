import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { call, isDaemonDown } from '../../../src/client/call.ts'
import { callStarting } from '../../../src/client/ensure-daemon.ts'
import { resolveHome } from '../../../src/client/home.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import { type HomePaths, homePaths } from '../../../src/contract/home.ts'
import { startFakeDaemon } from './fake-daemon.ts'

interface Place extends Disposable {
  home: HomePaths
}

function tempHome(): Place {
  const root = mkdtempSync(join(tmpdir(), 'lbm-call-'))
  return {
    home: homePaths(root),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** Something that listens where a daemon should and behaves as told. */
async function listener(
  path: string,
  onSocket: (socket: Socket) => void,
): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

describe('call', () => {
  it('one connection, one answer', async () => {
    await using fake = await startFakeDaemon({ 'app.list': () => ({ instances: [] }) })
    let version = ''
    const answer = await call(
      fake.home.socket,
      'app.list',
      {},
      { onHello: (hello) => (version = hello.version) },
    )
    expect(answer).toEqual({ instances: [] })
    expect(version).toBe(__LBM_VERSION__)
  })

  it("the daemon's error arrives whole", async () => {
    await using fake = await startFakeDaemon({
      'app.stop': () => {
        throw new LbmError('APP_NOT_FOUND', 'No app.', { hint: 'start one' })
      },
    })
    await expect(call(fake.home.socket, 'app.stop', { selectors: ['x'] })).rejects.toMatchObject({
      code: 'APP_NOT_FOUND',
      message: 'No app.',
      hint: 'start one',
    })
  })

  it('a bug of the daemon is INTERNAL', async () => {
    await using fake = await startFakeDaemon({
      'app.list': () => {
        throw new TypeError('x is undefined')
      },
    })
    await expect(call(fake.home.socket, 'app.list', {})).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('no socket, and a socket that a dead daemon left: down', async () => {
    using place = tempHome()
    const error = await call(place.home.socket, 'app.list', {}).catch((thrown: unknown) => thrown)
    expect(isDaemonDown(error)).toBe(true)
    writeFileSync(place.home.socket, '')
    expect(
      isDaemonDown(
        await call(place.home.socket, 'app.list', {}).catch((thrown: unknown) => thrown),
      ),
    ).toBe(true)
  })

  it('a method that it does not have: another version', async () => {
    await using fake = await startFakeDaemon({})
    await expect(call(fake.home.socket, 'app.list', {})).rejects.toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      hint: expect.stringContaining('lbm upgrade') as string,
    })
  })

  it('another major version of the protocol', async () => {
    await using fake = await startFakeDaemon(
      { 'app.list': () => ({ instances: [] }) },
      { protocolMajor: 99, version: '9.0.0' },
    )
    await expect(call(fake.home.socket, 'app.list', {})).rejects.toMatchObject({
      code: 'PROTOCOL_MISMATCH',
      message: expect.stringContaining('9.0.0') as string,
    })
  })

  it('garbage', async () => {
    using place = tempHome()
    await using _ = await listener(place.home.socket, (socket) =>
      socket.write('HTTP/1.1 400 Bad Request\r\n'),
    )
    await expect(call(place.home.socket, 'app.list', {})).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: expect.stringContaining('does not speak its protocol') as string,
    })
  })

  it('a connection that is closed before the answer', async () => {
    using place = tempHome()
    await using _ = await listener(place.home.socket, (socket) => socket.end())
    await expect(call(place.home.socket, 'app.list', {})).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: expect.stringContaining('closed the connection') as string,
    })
  })

  it('an abort ends the wait with its reason', async () => {
    await using fake = await startFakeDaemon({ 'app.list': () => new Promise(() => undefined) })
    const reason = new LbmError('TIMED_OUT', 'enough')
    const controller = new AbortController()
    const pending = call(fake.home.socket, 'app.list', {}, { signal: controller.signal })
    controller.abort(reason)
    await expect(pending).rejects.toBe(reason)
    await expect(
      call(fake.home.socket, 'app.list', {}, { signal: AbortSignal.abort(reason) }),
    ).rejects.toBe(reason)
  })

  it('a request that is too long is refused before it is sent', async () => {
    const selectors = ['x'.repeat(2 * 1024 * 1024)]
    await expect(call('/nowhere', 'app.stop', { selectors })).rejects.toMatchObject({
      code: 'USAGE',
    })
  })
})

describe('resolveHome', () => {
  it('LBM_HOME, or ~/.lbm', () => {
    expect(resolveHome({ LBM_HOME: '/x' }).root).toBe('/x')
    expect(resolveHome({ LBM_HOME: 'rel' }).root).toBe(join(process.cwd(), 'rel'))
    expect(resolveHome({}).root).toMatch(/\/\.lbm$/)
  })

  it('a path that no socket can have', () => {
    expect(() => resolveHome({ LBM_HOME: `/${'x'.repeat(120)}` })).toThrow(/too long for a socket/)
  })
})

/** A daemon of a few lines: greets, answers pings. */
const TINY_DAEMON = `
const net = require('node:net')
const hello = { jsonrpc: '2.0', method: 'hello', params: { protocol: { major: 1, minor: 0 }, version: '0.1.0', role: 'daemon', pid: process.pid } }
const server = net.createServer((socket) => {
  socket.on('error', () => {})
  socket.write(JSON.stringify(hello) + '\\n')
  socket.on('data', (text) => {
    for (const line of String(text).trim().split('\\n')) {
      const { id, method } = JSON.parse(line)
      if (id === undefined) continue
      socket.write(JSON.stringify({ jsonrpc: '2.0', id, result: { pid: process.pid, env: process.env.NODE_OPTIONS ?? null, cwd: process.cwd() } }) + '\\n')
      if (method === 'daemon.kill') process.exit()
    }
  })
})
server.listen(process.env.LBM_HOME + '/daemon.sock')
setTimeout(() => process.exit(), 20000)
`

describe('starting the daemon', () => {
  const withDaemon = (place: Place, text: string): string => {
    writeFileSync(join(place.home.root, 'daemon.cjs'), text)
    return place.home.root
  }

  it('where none answers: started once, told, and then asked', async () => {
    using place = tempHome()
    const started: number[] = []
    const start = {
      home: place.home,
      env: { ...process.env, NODE_OPTIONS: '--no-warnings' },
      programs: withDaemon(place, TINY_DAEMON),
      onStarted: (pid: number) => started.push(pid),
    }
    const first = await callStarting(start, 'daemon.ping', {})
    const second = await callStarting(start, 'daemon.ping', {})
    expect(started).toEqual([first.pid])
    expect(second.pid).toBe(first.pid)
    expect(first).toMatchObject({ env: null, cwd: place.home.root })
    await callStarting(start, 'daemon.kill', {})
  })

  it('one that ends at once: what it said', async () => {
    using place = tempHome()
    const programs = withDaemon(
      place,
      `console.log(JSON.stringify({ event: 'daemon.failed', message: 'the moon is wrong' })); process.exit(7)`,
    )
    await expect(
      callStarting({ home: place.home, env: process.env, programs }, 'daemon.ping', {}),
    ).rejects.toMatchObject({
      code: 'DAEMON_UNREACHABLE',
      message: expect.stringMatching(
        /ended at once \(exit code 7\):\n {2}daemon.failed: the moon is wrong/,
      ) as string,
    })
  })

  it('a home that is a file', async () => {
    using place = tempHome()
    const file = join(place.home.root, 'file')
    writeFileSync(file, '')
    await expect(
      callStarting({ home: homePaths(file), env: process.env }, 'daemon.ping', {}),
    ).rejects.toMatchObject({
      code: 'HOME_UNUSABLE',
    })
  })

  it.runIf(process.getuid?.() !== 0)('a home that is not writable', async () => {
    using place = tempHome()
    chmodSync(place.home.root, 0o500)
    await expect(
      callStarting({ home: place.home, env: process.env }, 'daemon.ping', {}),
    ).rejects.toMatchObject({
      code: 'HOME_UNUSABLE',
    })
    chmodSync(place.home.root, 0o700)
  })

  it.runIf(process.getuid?.() === 0)("somebody else's home", async () => {
    using place = tempHome()
    const { chownSync } = await import('node:fs')
    chownSync(place.home.root, 12_345, 12_345)
    await expect(
      callStarting({ home: place.home, env: process.env }, 'daemon.ping', {}),
    ).rejects.toMatchObject({
      code: 'HOME_UNUSABLE',
      message: expect.stringContaining('belongs to user 12345') as string,
    })
  })
})
