/** As much of Node's inspector protocol as it takes to ask a process where it is: JSON over a WebSocket (RFC 6455). */

import { connect, type Socket } from 'node:net'

export interface Inspector extends Disposable {
  /** Resolves when the connection is gone. */
  readonly ended: Promise<undefined>
  call(method: string, params?: object): Promise<unknown>
  on(event: string, run: (params: unknown) => void): void
}

interface Message {
  id?: number
  method?: string
  params?: unknown
  result?: unknown
  error?: { message: string }
}

const HOST = '127.0.0.1'
const TEXT = 0x81
const MASKED = 0x80
/** Lengths that do not fit into seven bits follow in 2 or 8 bytes. */
const IN_2_BYTES = 126
const IN_8_BYTES = 127

/** @throws Error when nobody there speaks the protocol; everything ends when `signal` fires */
export async function connectInspector(port: number, signal: AbortSignal): Promise<Inspector> {
  const path = await findTarget(port, signal)
  const socket = connect({ host: HOST, port, signal })
  socket.on('error', () => undefined)
  await upgrade(socket, path, signal)
  const calls = new Map<number, (message: Message) => void>()
  const events = new Map<string, (params: unknown) => void>()
  let lastId = 0
  let bytes = Buffer.alloc(0)

  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    for (let frame = takeFrame(bytes); frame !== undefined; frame = takeFrame(bytes)) {
      bytes = frame.rest
      receive(JSON.parse(frame.text) as Message)
    }
  })

  function receive(message: Message): void {
    if (message.id === undefined) {
      events.get(message.method ?? '')?.(message.params)
    } else {
      calls.get(message.id)?.(message)
      calls.delete(message.id)
    }
  }

  const ended = new Promise<undefined>((resolve) => socket.on('close', () => resolve(undefined)))

  return {
    ended,
    call(method, params = {}) {
      lastId += 1
      const id = lastId
      const answer = new Promise<unknown>((resolve, reject) => {
        calls.set(id, ({ error, result }) =>
          error === undefined ? resolve(result) : reject(new Error(error.message)),
        )
        signal.addEventListener('abort', () => reject(new Error(`no answer to ${method}`)))
      })
      socket.write(frameOf(JSON.stringify({ id, method, params })))
      return answer
    },
    on: (event, run) => void events.set(event, run),
    [Symbol.dispose]: () => void socket.destroy(),
  }
}

/** The process's own name for itself is part of the path. */
async function findTarget(port: number, signal: AbortSignal): Promise<string> {
  const socket = connect({ host: HOST, port, signal })
  const answer = await new Promise<string>((resolve, reject) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (/\]\s*$/.test(text)) resolve(text)
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(text))
    socket.write(`GET /json/list HTTP/1.1\r\nHost: ${HOST}\r\nConnection: close\r\n\r\n`)
  })
  socket.destroy()
  const path = /"webSocketDebuggerUrl": "ws:\/\/[^/]+(\/[^"]+)"/.exec(answer)?.[1]
  if (path === undefined) throw new Error('no inspector answers there')
  return path
}

function upgrade(socket: Socket, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('no answer')))
    socket.on('error', reject)
    socket.once('data', (head: Buffer) => {
      if (head.includes(' 101 ')) resolve()
      else reject(new Error('no WebSocket'))
    })
    socket.write(
      [
        `GET ${path} HTTP/1.1`,
        `Host: ${HOST}`,
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Version: 13',
        // Any 16 bytes: it keeps caches apart, and there is none here.
        `Sec-WebSocket-Key: ${Buffer.alloc(16, 'lbm').toString('base64')}`,
        '\r\n',
      ].join('\r\n'),
    )
  })
}

/** With a mask of zeros, which leaves the text as it is. */
function frameOf(text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(8)
  head[0] = TEXT
  if (body.length < IN_2_BYTES) {
    head[1] = MASKED | body.length
    return Buffer.concat([head.subarray(0, 6), body])
  }
  head[1] = MASKED | IN_2_BYTES
  head.writeUInt16BE(body.length, 2)
  return Buffer.concat([head, body])
}

/** Of an unmasked, unfragmented frame, which is what Node sends. @returns undefined while it is incomplete */
function takeFrame(bytes: Buffer): { text: string; rest: Buffer<ArrayBuffer> } | undefined {
  if (bytes.length < 2) return undefined
  let length = bytes.readUInt8(1)
  let start = 2
  if (length === IN_2_BYTES) {
    if (bytes.length < 4) return undefined
    length = bytes.readUInt16BE(2)
    start = 4
  } else if (length === IN_8_BYTES) {
    if (bytes.length < 10) return undefined
    length = Number(bytes.readBigUInt64BE(2))
    start = 10
  }
  const end = start + length
  if (bytes.length < end) return undefined
  return { text: bytes.toString('utf8', start, end), rest: Buffer.from(bytes.subarray(end)) }
}
