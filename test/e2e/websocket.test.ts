import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, test } from 'vitest'
import { WebSocket } from 'ws'

import { newCli } from '../helpers/cli.ts'
import { FIXTURES } from '../helpers/dist.ts'
import { printFigure } from '../helpers/figures.ts'
import { freePort } from '../helpers/free-port.ts'

const CLIENTS = 20

interface Client {
  socket: WebSocket
  echoes: number
  closed: Promise<{ code: number; atMs: number }>
}

/** Echoes go on until the server closes; anything but a clean close is a failure. */
function echoClient(port: number): Promise<Client> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`)
    const client: Client = {
      socket,
      echoes: 0,
      closed: new Promise((done) => {
        socket.on('close', (code) => done({ code, atMs: performance.now() }))
      }),
    }
    socket.on('message', (data: Buffer) => {
      client.echoes += 1
      setTimeout(() => socket.readyState === WebSocket.OPEN && socket.send(data.toString()), 20)
    })
    socket.on('error', reject)
    socket.on('open', () => {
      socket.send('hello')
      resolve(client)
    })
  })
}

test.each([
  ['cluster', { instances: 2 }],
  ['fork', {}],
])(
  '%s: WebSockets through a reload → closed with 1001 after drain_timeout, none cut before',
  { timeout: 60_000 },
  async (mode, keys) => {
    await using cli = newCli()
    const port = await freePort()
    const app = join(FIXTURES, '../../../examples/websocket.js')
    const file = join(cli.home.root, 'ecosystem.config.json')
    writeFileSync(
      file,
      JSON.stringify({
        apps: [{ script: app, drain_timeout: 2000, env: { PORT: port }, ...keys }],
      }),
    )
    await cli.ok('start', file)
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => echoClient(port)))
    const started = performance.now()
    await cli.ok('reload', 'websocket')
    const closes = await Promise.all(clients.map(({ closed }) => closed))
    const afterMs = closes.map(({ atMs }) => Math.round(atMs - started)).toSorted((a, b) => a - b)
    printFigure(`${mode}: closed ${afterMs[0]} … ${afterMs.at(-1)} ms after the reload began`)
    expect(closes.map(({ code }) => code)).toEqual(Array(CLIENTS).fill(1001))
    expect(afterMs[0]).toBeGreaterThan(2000)
    expect(clients.every(({ echoes }) => echoes > 20)).toBe(true)
    // Those that come back reach the new ones.
    const again = await echoClient(port)
    again.socket.close()
    await again.closed
  },
)
