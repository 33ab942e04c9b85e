/** Entry of dist/serve.cjs: a server of static files, which lbm runs as an app. */

import { createServer } from 'node:http'

import { requestHandler } from './handle-request.ts'
import { type ServeSettings, serveSettings } from './settings.ts'

function readSettings(): ServeSettings {
  try {
    return serveSettings(process.env, process.cwd())
  } catch (error) {
    process.stderr.write(`lbm serve: ${(error as Error).message}\n`)
    process.exit(2)
  }
}

const settings = readSettings()
const { root, port, host } = settings
const server = createServer(requestHandler(settings))
server.listen(port, host, () => {
  const address = server.address()
  const where = typeof address === 'object' && address !== null ? address.port : port
  process.stdout.write(`Serving ${root} on port ${where}\n`)
})
