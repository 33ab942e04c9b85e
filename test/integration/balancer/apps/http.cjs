// Answers with its pid; /sleep?ms, /block?ms, /exit; listens on PORT (0: any).
const http = require('node:http')

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  const ms = Number(url.searchParams.get('ms') ?? 0)
  response.setHeader('x-pid', process.pid)
  if (url.pathname === '/block') for (const end = Date.now() + ms; Date.now() < end;);
  if (url.pathname === '/address') return response.end(request.socket.remoteAddress)
  if (url.pathname === '/echo') return request.pipe(response)
  if (url.pathname === '/sleep') return setTimeout(() => response.end(String(process.pid)), ms)
  response.end(String(process.pid))
})
server.listen(Number(process.env.PORT ?? 0), process.env.HOST)
