/**
 * Load that runs through an event and counts what it lost. Reset, refused, timed out, wrong body and non-2xx are
 * failures; there are no retries.
 */

import { Agent, request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'

export interface LoadOptions {
  port: number
  host?: string
  /** In place of host and port. */
  socketPath?: string
  /** Clients with a keep-alive connection, and with a connection for each request. */
  keepAlive?: number
  fresh?: number
  /** Pause between the requests of a client: 0 … this many ms. */
  thinkMs?: number
  /** Requests ask the app to take 0 … this many ms. */
  slowMs?: number
  /** Every other request is a POST of 16 KiB. */
  post?: boolean
  timeoutMs?: number
}

export interface LoadResult {
  requests: number
  failures: string[]
  /** When each of the failed ones began, by `performance.now()`. */
  failedFrom: number[]
  /** Answers by process. */
  byPid: Map<number, number>
}

export interface Load {
  /** So far. */
  result: LoadResult
  stop(): Promise<LoadResult>
}

const BODY = Buffer.alloc(16 * 1024, 'x')

/** Clients start at once and go on until `stop()`. The app under test is `http.cjs`, or answers like it. */
export function startLoad({
  port,
  host = '127.0.0.1',
  socketPath,
  keepAlive = 8,
  fresh = 8,
  thinkMs = 20,
  slowMs = 0,
  post = true,
  timeoutMs = 15_000,
}: LoadOptions): Load {
  const result: LoadResult = { requests: 0, failures: [], failedFrom: [], byPid: new Map() }
  const stopping = new AbortController()
  const agents: Agent[] = []

  async function client(isKeepAlive: boolean, index: number): Promise<void> {
    const agent = new Agent({ keepAlive: isKeepAlive, maxSockets: 1 })
    agents.push(agent)
    for (let turn = index; !stopping.signal.aborted; turn += 1) {
      const isPost = post && turn % 2 === 0
      const ms = slowMs > 0 ? Math.floor(Math.random() * slowMs) : 0
      await one(agent, isPost, `/?ms=${ms}`)
      if (thinkMs > 0) await sleep(Math.random() * thinkMs)
    }
  }

  function one(agent: Agent, isPost: boolean, path: string): Promise<void> {
    return new Promise((resolve) => {
      result.requests += 1
      const started = performance.now()
      const fail = (why: string): void => {
        result.failedFrom.push(started)
        result.failures.push(
          `${isPost ? 'POST' : 'GET'} ${path}: ${why} after ${Math.round(performance.now() - started)} ms`,
        )
        resolve()
      }
      const call = request(
        {
          ...(socketPath === undefined ? { host, port } : { socketPath }),
          path,
          agent,
          method: isPost ? 'POST' : 'GET',
          timeout: timeoutMs,
        },
        (response) => {
          let body = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => (body += chunk))
          response.on('error', (error) => fail(`answer broke off: ${error.message}`))
          response.on('end', () => {
            const wanted = isPost ? BODY.length : 0
            const [pid, , length] = body.trim().split(' ').map(Number)
            if (response.statusCode !== 200) fail(`status ${response.statusCode}`)
            else if (length !== wanted || pid === undefined)
              fail(`wrong body ${JSON.stringify(body.slice(0, 80))}`)
            else {
              result.byPid.set(pid, (result.byPid.get(pid) ?? 0) + 1)
              resolve()
            }
          })
        },
      )
      call.on('timeout', () => call.destroy(new Error('timed out')))
      call.on('error', (error: NodeJS.ErrnoException) => fail(error.code ?? error.message))
      call.end(isPost ? BODY : undefined)
    })
  }

  const clients = [
    ...Array.from({ length: keepAlive }, (_, index) => client(true, index)),
    ...Array.from({ length: fresh }, (_, index) => client(false, index)),
  ]
  return {
    result,
    async stop() {
      stopping.abort()
      await Promise.all(clients)
      for (const agent of agents) agent.destroy()
      return result
    },
  }
}
