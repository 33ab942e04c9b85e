/** Requests with a connection each, for tests that look at who answered. */

import { Agent, request } from 'node:http'

export interface Answer {
  status: number
  body: string
  pid: number
  number: number
}

export function ask(
  port: number,
  path = '/',
  { host = '127.0.0.1' }: { host?: string } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host, port, path, agent: new Agent({ keepAlive: false }), timeout: 10_000 },
      (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (body += chunk))
        response.on('error', reject)
        response.on('end', () => {
          const [pid = '', number = ''] = body.split(' ')
          resolve({
            status: response.statusCode ?? 0,
            body,
            pid: Number(pid),
            number: Number(number),
          })
        })
      },
    )
    call.on('timeout', () => call.destroy(new Error('timed out')))
    call.on('error', reject)
    call.end()
  })
}

/** Asks until every one of so many processes has answered. */
export async function askAll(port: number, count: number): Promise<Set<number>> {
  const pids = new Set<number>()
  for (let tries = 0; tries < 500 && pids.size < count; tries += 1) pids.add((await ask(port)).pid)
  return pids
}
