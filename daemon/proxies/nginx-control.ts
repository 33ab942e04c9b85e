/** A request to the server that lbm puts into its nginx file for itself: which configuration serves, and its counts. */

import { connect } from 'node:net'

export interface ControlAnswer {
  status: number
  body: string
}

const TIMEOUT_MS = 1000

/** By hand: node:http would stay in the daemon's memory for this alone. @returns undefined when nobody answers */
export function askControl(
  control: string,
  name: string,
  path: string,
): Promise<ControlAnswer | undefined> {
  return new Promise((resolve) => {
    const socket = connect(placeOf(control))
    let answer = ''
    const settle = (): void => {
      socket.destroy()
      resolve(parseAnswer(answer))
    }
    socket.setTimeout(TIMEOUT_MS, settle)
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => (answer += text))
    socket.on('end', settle)
    socket.on('error', settle)
    socket.write(`GET ${path} HTTP/1.0\r\nHost: ${name}\r\n\r\n`)
  })
}

function placeOf(control: string): { path: string } | { host: string; port: number } {
  if (control.startsWith('/')) return { path: control }
  const at = control.lastIndexOf(':')
  return {
    host: control.slice(0, at).replace(/^\[(.*)\]$/, '$1'),
    port: Number(control.slice(at + 1)),
  }
}

function parseAnswer(text: string): ControlAnswer | undefined {
  const match = /^HTTP\/1\.\d (\d{3})[^\n]*\n/.exec(text)
  const end = text.indexOf('\r\n\r\n')
  return match === null || end === -1
    ? undefined
    : { status: Number(match[1]), body: text.slice(end + 4) }
}
