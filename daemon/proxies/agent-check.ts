/** One port a host that answers HAProxy's agent checks, of this host or of another. */

import { createServer, type Server, type Socket } from 'node:net'

export interface AgentCheckOptions {
  answer: (line: string) => string | Promise<string>
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface AgentCheck extends Disposable {
  /** Listens at these addresses and at no others. */
  listenAt(addresses: readonly { host: string; port: number }[]): void
}

const MAX_LINE_CHARS = 256
const IDLE_MS = 2000
const MAX_CONNECTIONS = 200

export function createAgentCheck({ answer, log }: AgentCheckOptions): AgentCheck {
  const servers = new Map<string, Server>()

  function serve(socket: Socket): void {
    let line = ''
    socket.setEncoding('utf8')
    socket.setTimeout(IDLE_MS, () => socket.destroy())
    socket.on('error', () => socket.destroy())
    socket.on('data', (text: string) => {
      line += text
      const end = line.indexOf('\n')
      if (end === -1 && line.length <= MAX_LINE_CHARS) return
      socket.removeAllListeners('data')
      void Promise.resolve(answer(line.slice(0, Math.max(0, end)))).then((word) =>
        socket.end(`${word}\n`),
      )
    })
  }

  function open(host: string, port: number): Server {
    const server = createServer(serve)
    server.maxConnections = MAX_CONNECTIONS
    server.on('error', (error) =>
      log('agent-check.not-listening', { host, port, message: error.message }),
    )
    server.listen({ host, port, exclusive: true })
    // The daemon's life does not hang on it.
    server.unref()
    return server
  }

  return {
    listenAt(addresses) {
      const wanted = new Map(addresses.map((at) => [`${at.host}:${at.port}`, at]))
      for (const [key, server] of servers) {
        if (wanted.has(key) && server.listening) continue
        server.close()
        servers.delete(key)
      }
      for (const [key, { host, port }] of wanted) {
        if (!servers.has(key)) servers.set(key, open(host, port))
      }
    },
    [Symbol.dispose]() {
      for (const server of servers.values()) server.close()
      servers.clear()
    },
  }
}
