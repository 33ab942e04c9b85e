/** Asking a program under test, with as little cost to the machine as can be. */

import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Names the session of a request, for a policy that goes by it. */
export const SESSION_HEADER: string = 'X-Session'

/** Nobody who lives takes that long to tell his pid. */
const HANGS_MS = 2000
/** When the next try comes, should there be no answer to the one before. */
const PATIENCE_MS = 50

/** @returns the pid that answered, or undefined where nobody did */
export function askPid(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.setTimeout(HANGS_MS, () => socket.destroy())
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    socket.on('error', () => resolve(undefined))
    socket.on('close', () => resolve(Number(/\r\n\r\n(\d+)/.exec(text)?.[1]) || undefined))
    socket.write(
      `GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${SESSION_HEADER}: ${Math.random()}\r\n\r\n`,
    )
  })
}

export interface UntilOptions {
  timeoutMs?: number
  /** Pids that count for nothing. */
  notOf?: ReadonlySet<number>
  /** Between two tries: more costs what is measured less of the machine, and is as much less exact. */
  restMs?: number
}

export interface Answered {
  ms: number
  pids: Set<number>
  /** Tries that were refused, cut or never answered. */
  failed: number
}

/** Until so many processes have answered, a connection for each try. One that hangs does not hold up the next. */
export async function answeredBy(
  port: number,
  count: number,
  { timeoutMs = 60_000, notOf = new Set(), restMs = 1 }: UntilOptions = {},
): Promise<Answered> {
  const started = performance.now()
  const pids = new Set<number>()
  const tries: Promise<void>[] = []
  let failed = 0
  let answeredAt: number | undefined
  while (answeredAt === undefined) {
    const next = askPid(port).then((pid) => {
      if (pid === undefined) failed += 1
      else if (!notOf.has(pid)) pids.add(pid)
      if (pids.size >= count) answeredAt ??= performance.now()
    })
    tries.push(next)
    await Promise.race([next, sleep(PATIENCE_MS)])
    if (performance.now() - started > timeoutMs)
      throw new Error(
        `${pids.size} of ${count} processes answered on port ${port} in ${timeoutMs} ms`,
      )
    await sleep(restMs)
  }
  const ms = answeredAt - started
  await Promise.all(tries)
  return { ms, pids, failed }
}

/** Until something answers on each port. */
export async function allAnswer(ports: readonly number[], timeoutMs = 300_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (const port of ports) {
    while ((await askPid(port)) === undefined) {
      if (performance.now() > deadline) throw new Error(`nothing answers on port ${port}`)
      await sleep(5)
    }
  }
}

export interface Asked {
  pid: number
  ms: number
  failure: string | undefined
}

/** One request. @param from address to come from, such as 127.0.0.7, which also names the session */
export function askTimed(
  port: number,
  {
    path = '/',
    agent = new Agent({ keepAlive: false }),
    from,
    timeoutMs = 10_000,
    onPid,
  }: {
    path?: string
    agent?: Agent
    from?: string
    timeoutMs?: number
    /** The answer has begun. */
    onPid?: (pid: number) => void
  } = {},
): Promise<Asked> {
  return new Promise((resolve) => {
    const started = performance.now()
    let body = ''
    const end = (failure?: string): void =>
      resolve({ pid: Number(body), ms: performance.now() - started, failure })
    const call = request(
      {
        host: '127.0.0.1',
        port,
        path,
        agent,
        ...(from !== undefined && { localAddress: from, headers: { [SESSION_HEADER]: from } }),
      },
      (response) => {
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
          onPid?.(Number(body))
        })
        response.on('error', (error) => end(error.message))
        response.on('end', () =>
          end(response.statusCode === 200 ? undefined : `status ${response.statusCode}`),
        )
      },
    )
    const timer = setTimeout(() => call.destroy(new Error('hangs')), timeoutMs)
    call.on('error', (error) => end(error.message))
    call.on('close', () => clearTimeout(timer))
    call.end()
  })
}
