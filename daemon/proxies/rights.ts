/** What an ordinary user may not do, and what to do instead. Pure. */

import type { ProxyKind } from '../../src/contract/proxy.ts'

/** In the words of nginx, of HAProxy and of Node. */
export function isAboutRights(text: string): boolean {
  return /permission denied|not permitted|EACCES|EPERM/i.test(text)
}

export function rightsHint(kind: ProxyKind, file: string): string {
  const reload = kind === 'nginx' ? 'nginx -s reload' : 'systemctl reload haproxy'
  return `the daemon runs as an ordinary user: put the file there and reload as root (lbm proxy ${kind} … | sudo tee ${file}; sudo ${reload})`
}
