import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { io, type Socket } from 'socket.io-client'
import { Pool } from 'undici'
import { expect, test } from 'vitest'

import { pidStart } from '../../daemon/kernel/process-identity.ts'
import { newCli, startProgram } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'
import { until } from '../helpers/until.ts'

/** LBM_TEST_SESSIONS=1000 for a machine that has the time. */
const SESSIONS = Number(process.env['LBM_TEST_SESSIONS'] ?? 200)
const EXAMPLE = join(FIXTURES, '../../../examples/socket-io.js')

interface Echo {
  text: string
  pid: number
}

function isAlive(pid: number): boolean {
  return pidStart(pid) !== 0
}

/** Long-polling only, from an address of its own, as a proxy on this host tells it. */
function session(port: number, n: number): Socket {
  return io(`http://127.0.0.1:${port}`, {
    transports: ['polling'],
    forceNew: true,
    extraHeaders: { 'X-Forwarded-For': `10.1.${n >> 8}.${n & 255}` },
  })
}

test(
  `Socket.IO: ${SESSIONS} polling sessions over 4 instances, through a reload → no session is unknown`,
  { timeout: 120_000 },
  async () => {
    await using cli = newCli()
    const port = await freePort()
    const file = join(cli.home.root, 'ecosystem.config.json')
    const app = { script: EXAMPLE, instances: 4, balance: 'sticky', drain_timeout: 3000 }
    writeFileSync(file, JSON.stringify({ apps: [{ ...app, env: { PORT: port } }] }))
    await cli.ok('start', file)
    const sockets = Array.from({ length: SESSIONS }, (_, n) => session(port, n))
    try {
      const unknown: string[] = []
      for (const socket of sockets) {
        const note = (error: Error & { context?: { responseText?: string } }): void => {
          const text = `${error.message} ${error.context?.responseText ?? ''}`
          if (/unknown/i.test(text)) unknown.push(text)
        }
        socket.on('connect_error', note)
        socket.io.on('error', note)
      }
      const allConnected = (): true | undefined =>
        sockets.every(({ connected }) => connected) || undefined
      const echoAll = (round: string): Promise<Echo[]> =>
        Promise.all(
          sockets.map(
            (socket, n) =>
              socket.timeout(30_000).emitWithAck('echo', `${round} ${n}`) as Promise<Echo>,
          ),
        )
      await until(allConnected, 60_000)
      const answers = await echoAll('first')
      expect(answers.map(({ text }) => text)).toEqual(sockets.map((_, n) => `first ${n}`))
      const before = new Set(answers.map(({ pid }) => pid))
      expect(before.size).toBe(4)
      await cli.ok('reload', 'socket-io')
      // Sessions of an old instance stay with it until its drain is over, and come back to a new one.
      await until(() => ![...before].some(isAlive) || undefined, 60_000)
      await until(allConnected, 60_000)
      const after = (await echoAll('second')).map(({ pid }) => pid)
      expect(after.some((pid) => before.has(pid))).toBe(false)
      printFigure(`${unknown.length} of ${SESSIONS} sessions were told "unknown"`)
      expect(unknown).toEqual([])
    } finally {
      for (const socket of sockets) socket.disconnect()
    }
  },
)

test(
  'undici: a pool of keep-alive connections through a reload → no request fails',
  { timeout: 60_000 },
  async () => {
    await using cli = newCli()
    const port = await freePort()
    await cli.ok('start', join(FIXTURES, 'http.cjs'), '-i', '2', { env: { PORT: String(port) } })
    const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 16 })
    const stopping = new AbortController()
    let requests = 0
    const client = async (): Promise<void> => {
      while (!stopping.signal.aborted) {
        const { statusCode, body } = await pool.request({ path: '/?ms=20', method: 'GET' })
        expect([statusCode, (await body.text()).split(' ').length]).toEqual([200, 3])
        requests += 1
      }
    }
    const clients = Array.from({ length: 16 }, client)
    await cli.ok('reload', 'http')
    stopping.abort()
    await Promise.all(clients)
    await pool.close()
    printFigure(`0 of ${requests} requests failed`)
    expect(requests).toBeGreaterThan(100)
  },
)

test('curl: HTTP/2 without TLS reaches every instance', async () => {
  await using cli = newCli()
  const port = await freePort()
  await cli.ok('start', join(FIXTURES, 'http2.cjs'), '-i', '2', { env: { PORT: String(port) } })
  const pids = new Set<string>()
  for (let turn = 0; turn < 10; turn += 1) {
    const args = ['--silent', '--fail', '--http2-prior-knowledge', `http://127.0.0.1:${port}/`]
    const { exitCode, stdout } = await startProgram('curl', args).done
    expect(exitCode).toBe(0)
    pids.add(stdout.split(' ')[0] ?? '')
  }
  expect(pids.size).toBe(2)
})
