/** One GET over a connection that is there already. Only the status line is read: node:http would cost its weight. */

import type { Socket } from 'node:net'

import type { ProbeSpec } from '../../../../src/contract/app.ts'

type HttpProbe = NonNullable<ProbeSpec['http']>

/** Longer than any status line, and than the interim responses before it. */
const MAX_HEAD_BYTES = 16 * 1024

const NOT_IN_A_PATH = /[^\x21-\x7e]+/g

/** Resolves with the status. @throws Error with a sentence when there is none */
export async function askForStatus(
  connection: Socket,
  { path, scheme }: HttpProbe,
): Promise<number> {
  const socket = scheme === 'https' ? await encrypted(connection) : connection
  return new Promise((resolve, reject) => {
    let head = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      head += chunk
      const status = finalStatus(head)
      if (status !== undefined) resolve(status)
      else if (head.length > MAX_HEAD_BYTES || !'HTTP/'.startsWith(head.slice(0, 5)))
        reject(new Error('what answers does not speak HTTP/1'))
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('the connection was closed without an answer')))
    socket.write(
      `GET ${path.replaceAll(NOT_IN_A_PATH, encodeURIComponent)} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: lbm-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
    )
  })
}

/** Of the first response that is not an interim one (1xx). */
function finalStatus(head: string): number | undefined {
  for (const [, code] of head.matchAll(/^HTTP\/1\.[01] (\d{3})[ \r]/gm)) {
    const status = Number(code)
    if (status >= 200) return status
  }
  return undefined
}

export function isExpected(status: number, expected: readonly number[]): boolean {
  return expected.length === 0 ? status >= 200 && status < 400 : expected.includes(status)
}

/** As Kubernetes does, without a look at the certificate: the probe asks whether it serves, not who it is. */
async function encrypted(connection: Socket): Promise<Socket> {
  const tls = await import('node:tls')
  return new Promise((resolve, reject) => {
    const secure = tls.connect({ socket: connection, rejectUnauthorized: false })
    secure.on('secureConnect', () => resolve(secure))
    secure.on('error', reject)
    connection.on('close', () =>
      reject(new Error('the connection was closed during the handshake')),
    )
  })
}
