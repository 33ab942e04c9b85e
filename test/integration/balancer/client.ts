import http from 'node:http'
import net from 'node:net'

/** One request on a connection of its own, unless an agent is given. */
export async function get(
  port: number,
  path = '/',
  options: http.RequestOptions = {},
): Promise<string> {
  return (await ask(port, path, options)).body
}

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  body: string
}

export async function ask(
  port: number,
  path = '/',
  { body, ...options }: http.RequestOptions & { body?: Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: '127.0.0.1', port, path, agent: new http.Agent(), ...options },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString(),
          }),
        )
        response.on('error', reject)
      },
    )
    request.on('error', reject)
    request.end(body)
  })
}

/** Sends this, ends, and collects what comes until the other side ends. */
export async function talk(to: net.NetConnectOpts, text: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(to)
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks).toString()))
    socket.on('error', reject)
    socket.write(text)
  })
}
