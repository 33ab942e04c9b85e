// A WebSocket echo server (RFC 6455) on plain Node.js: text frames up to 125 bytes, which is what an example needs.
const { createHash } = require('node:crypto')
const http = require('node:http')

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
const TEXT = 0x81
const CLOSE = 0x88

const server = http.createServer((_request, response) =>
  response.end(`WebSocket echo, pid ${process.pid}\n`),
)

server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1')
    .update(request.headers['sec-websocket-key'] + GUID)
    .digest('base64')
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
  let buffered = Buffer.alloc(0)
  socket.on('data', (chunk) => {
    buffered = Buffer.concat([buffered, chunk])
    while (buffered.length >= 6) {
      const length = buffered[1] & 0x7f
      if (length > 125 || buffered.length < 6 + length) return
      const mask = buffered.subarray(2, 6)
      const payload = Buffer.from(
        buffered.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]),
      )
      const opcode = buffered[0] & 0x0f
      buffered = buffered.subarray(6 + length)
      if (opcode === 8) {
        socket.end(Buffer.concat([Buffer.from([CLOSE, payload.length]), payload]))
        return
      }
      socket.write(Buffer.concat([Buffer.from([TEXT, payload.length]), payload]))
    }
  })
  socket.on('error', () => socket.destroy())
})

const port = Number(process.env.PORT ?? 3002)
server.listen(port, () => console.log(`echoing on ${port}`))
