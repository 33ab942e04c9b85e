// Answers with its pid. /block?ms: the event loop stands still; /wait?ms: the answer takes so long.
const http = require('node:http')

http
  .createServer((request, response) => {
    const [path, query = ''] = request.url.split('?')
    const ms = Number(query.slice(3))
    if (path === '/wait') return setTimeout(() => response.end(String(process.pid)), ms)
    if (path === '/block') for (const end = Date.now() + ms; Date.now() < end;);
    response.end(String(process.pid))
  })
  .listen(Number(process.env.PORT))
