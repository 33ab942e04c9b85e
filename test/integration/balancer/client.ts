import http from 'node:http'

/** One request on a connection of its own, unless an agent is given. */
export async function get(
  port: number,
  path = '/',
  options: http.RequestOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    http
      .get({ host: '127.0.0.1', port, path, agent: new http.Agent(), ...options }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
        response.on('end', () => resolve(body)).on('error', reject)
      })
      .on('error', reject)
  })
}
