// Socket.IO with long-polling on several instances: requests of a session must come to the instance that has it.
//
//   npm install socket.io && lbm start examples/socket-io.js -i max --balance sticky
//
// Without names, sticky looks at the cookie `io` and the query `sid`, which are Socket.IO's.
const http = require('node:http')

const { Server } = require('socket.io')

const server = http.createServer((_request, response) =>
  response.end(`Socket.IO, pid ${process.pid}\n`),
)
const io = new Server(server)

io.on('connection', (socket) => {
  socket.on('echo', (text, answer) => answer({ text, pid: process.pid }))
})

const port = Number(process.env.PORT ?? 3003)
server.listen(port, () => console.log(`listening on ${port}`))
