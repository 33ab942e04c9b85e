// An Express-like app: routes, middleware and JSON, in 30 lines of plain Node.js, so that nothing needs installing.
const http = require('node:http')

function createApp() {
  const routes = new Map()
  const middleware = []
  return {
    use: (step) => middleware.push(step),
    get: (path, handler) => routes.set(`GET ${path}`, handler),
    listen(port, done) {
      const server = http.createServer((request, response) => {
        response.json = (value) =>
          response.setHeader('content-type', 'application/json').end(`${JSON.stringify(value)}\n`)
        const steps = [...middleware, routes.get(`${request.method} ${request.url}`) ?? notFound]
        const next = () => steps.shift()?.(request, response, next)
        next()
      })
      return server.listen(port, done)
    },
  }
}

function notFound(_request, response) {
  response.statusCode = 404
  response.json({ error: 'not found' })
}

const app = createApp()
app.use((request, _response, next) => {
  console.log(`${request.method} ${request.url}`)
  next()
})
app.get('/', (_request, response) => response.json({ hello: 'world', pid: process.pid }))
app.get('/health', (_request, response) => response.json({ ok: true }))

const port = Number(process.env.PORT ?? 3001)
app.listen(port, () => console.log(`listening on ${port}`))
