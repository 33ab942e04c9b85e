// Instance 1 closes every connection at once.
const http = require('node:http')

http
  .createServer((_, response) => response.end('ok'))
  .on('connection', (socket) => process.env.NODE_APP_INSTANCE === '1' && socket.destroy())
  .listen(0)
