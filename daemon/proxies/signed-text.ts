/** The first line of a file that lbm wrote tells whether somebody else has changed it since. Pure but for the hash. */

import { loadCrypto } from '../kernel/crypto.ts'

const HEADER =
  /^# Written by lbm for ([^\n]*?)\. Changes by hand are refused without --force\. sha256:([0-9a-f]{64})\n/

export type Origin =
  /** As lbm wrote it. */
  | 'ours'
  /** lbm wrote it, and somebody changed it. */
  | 'edited'
  | 'foreign'

export function signText(body: string, apps: readonly string[]): string {
  const names = apps.map((app) => app.replaceAll(/[^\w~@ .:/-]/g, '?')).join(', ')
  return `# Written by lbm for ${names}. Changes by hand are refused without --force. sha256:${hashOf(body)}\n${body}`
}

export function originOf(text: string): Origin {
  const match = HEADER.exec(text)
  if (match === null) return 'foreign'
  return hashOf(text.slice(match[0].length)) === match[2] ? 'ours' : 'edited'
}

/** Short, the same for the same text: what a running proxy is asked for. */
export function generationOf(body: string): string {
  return hashOf(body).slice(0, 16)
}

function hashOf(text: string): string {
  return loadCrypto().createHash('sha256').update(text).digest('hex')
}
