// Load on 127.0.0.1:PORT for SECONDS, or until COUNT requests are answered; prints one JSON document.
import net from 'node:net'

const {
  PORT,
  SECONDS = 'Infinity',
  COUNT = 'Infinity',
  CLIENTS = '32',
  KEEP_ALIVE,
  SLOW_SHARE = '0',
  FAST = '/',
} = process.env
const endAt = performance.now() + Number(SECONDS) * 1000
let left = Number(COUNT)
let failed = 0
const latencies = []
const fast = []
const byPid = {}

const started = performance.now()
await Promise.all(Array.from({ length: Number(CLIENTS) }, (_, n) => client(n)))
const seconds = (performance.now() - started) / 1000
const at = (values, share) => values.sort((a, b) => a - b)[Math.floor(values.length * share)] ?? 0
console.log(
  JSON.stringify({
    requests: latencies.length,
    perSecond: latencies.length / seconds,
    failed,
    stuck: latencies.filter((ms) => ms > 500).length,
    p50: at(latencies, 0.5),
    p99: at(latencies, 0.99),
    fastP99: at(fast, 0.99),
    byPid,
  }),
)

async function client(n) {
  let turn = n
  let socket
  while (performance.now() < endAt && left > 0) {
    left -= 1
    turn += 1
    const isSlow = Number(SLOW_SHARE) > 0 && turn % Math.round(1 / Number(SLOW_SHARE)) === 0
    const from = performance.now()
    try {
      socket ??= await connect(n)
      const pid = await ask(socket, isSlow ? '/wait?ms=200' : FAST)
      const ms = performance.now() - from
      latencies.push(ms)
      if (!isSlow) fast.push(ms)
      byPid[pid] = (byPid[pid] ?? 0) + 1
    } catch {
      failed += 1
      socket = undefined
    }
    if (!KEEP_ALIVE) socket = undefined
  }
  socket?.destroy()
}

// An address for each client, so that ip-hash has something to choose by.
function connect(n) {
  return new Promise((resolve, reject) => {
    const localAddress = `127.0.${1 + (n >> 7)}.${1 + (n & 127)}`
    const socket = net.connect({ port: Number(PORT), host: '127.0.0.1', localAddress }, () =>
      resolve(socket),
    )
    socket.once('error', reject)
  })
}

function ask(socket, path) {
  return new Promise((resolve, reject) => {
    let text = ''
    const done = (error, body) => {
      socket.off('data', read).off('close', cut)
      if (error instanceof Error) reject(error)
      else resolve(body)
    }
    const cut = () => done(new Error('cut off'))
    const read = (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? Number.NaN)
      if (end >= 0 && text.length >= end + 4 + length) done(undefined, text.slice(end + 4))
    }
    socket.on('data', read).once('close', cut)
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\n${KEEP_ALIVE ? '' : 'Connection: close\r\n'}\r\n`,
    )
  })
}
