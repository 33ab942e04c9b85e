// A plain Node.js server. `lbm start examples/http.js -i max` runs it once per core behind this one port.
const http = require('node:http')

const port = Number(process.env.PORT ?? 3000)

http
  .createServer((request, response) => {
    response.end(`Hello from pid ${process.pid}\n`)
  })
  .listen(port, () => console.log(`listening on ${port}, pid ${process.pid}`))
