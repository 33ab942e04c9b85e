/** Apps behind HAProxy, as one whole configuration file. Pure. */

import { checkConflicts, listenKey } from './conflicts.ts'
import { haproxyBackend } from './haproxy-backend.ts'
import type { ProxiedApp } from './proxied-app.ts'
import { checkSnippets } from './snippets.ts'
import { bracketed, duration, indent, quoted, snippetLines, word } from './words.ts'

export interface HaproxyContext {
  /** Read back after a reload. */
  generation: string
  /** Path of the admin socket. */
  socket: string
  /** Who may use it, when that is not whoever starts HAProxy. */
  socketUid?: number
  /** Key of the cookies that stand for servers. */
  cookieKey: string
  /** A master that is root gives its rights up for these. */
  runAs?: { user: string; group: string }
}

/** Old workers end so long after a reload, whatever they still tunnel. */
const HARD_STOP = '10m'

/** @throws LbmError CONFIG_INVALID for apps that cannot share a proxy */
export function renderHaproxy(apps: readonly ProxiedApp[], context: HaproxyContext): string {
  checkConflicts(apps)
  for (const app of apps) checkSnippets(app)
  const sections = [
    globalSection(apps, context),
    defaultsSection(),
    ...frontends(apps).map(frontend),
    ...apps.map((app) => haproxyBackend(app, context.cookieKey)),
  ]
  return `${sections.map((lines) => lines.join('\n')).join('\n\n')}\n`
}

function section(head: string, lines: readonly string[]): string[] {
  return [head, ...indent(lines)]
}

function globalSection(apps: readonly ProxiedApp[], context: HaproxyContext): string[] {
  const { generation, socket, socketUid, runAs } = context
  const owner = socketUid === undefined ? '' : ` uid ${socketUid}`
  return section('global', [
    'master-worker',
    `description lbm-${word(generation)}`,
    `stats socket ${quoted(socket)}${owner} mode 600 level admin expose-fd listeners`,
    'stats timeout 30s',
    `hard-stop-after ${HARD_STOP}`,
    ...(runAs === undefined ? [] : [`user ${word(runAs.user)}`, `group ${word(runAs.group)}`]),
    ...(apps.some(({ proxy }) => proxy.tls !== undefined)
      ? ['ssl-default-bind-options ssl-min-ver TLSv1.2', 'tune.ssl.default-dh-param 2048']
      : []),
    ...apps.flatMap(({ proxy }) => snippetLines(proxy.snippets.global)),
  ])
}

/** Addresses at which the same apps are to be had. */
interface Entrance {
  addresses: ProxiedApp['listen']
  apps: [ProxiedApp, ...ProxiedApp[]]
}

function frontends(apps: readonly ProxiedApp[]): Entrance[] {
  const byAddress = new Map<string, Entrance>()
  for (const app of apps) {
    for (const address of app.listen) {
      const known = byAddress.get(listenKey(address))
      if (known === undefined)
        byAddress.set(listenKey(address), { addresses: [address], apps: [app] })
      else if (!known.apps.includes(app)) known.apps.push(app)
    }
  }
  const merged: Entrance[] = []
  for (const entrance of byAddress.values()) {
    const same = merged.find(({ apps: others }) => isSameList(others, entrance.apps))
    if (same === undefined) merged.push(entrance)
    else same.addresses.push(...entrance.addresses)
  }
  return merged
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item))
}

/** With a name, so that it touches nothing of another file. */
function defaultsSection(): string[] {
  return section('defaults lbm', [
    'mode http',
    'timeout connect 2s',
    'timeout client 60s',
    'timeout server 60s',
    'timeout http-request 10s',
    'option dontlognull',
  ])
}

function frontend(entrance: Entrance, index: number): string[] {
  const { addresses, apps } = entrance
  const [{ proxy: shared }] = apps
  const trust = [...new Set(apps.flatMap(({ proxy }) => proxy.trust))]
  const bodies = apps.flatMap(({ proxy }) => proxy.maxBodyBytes ?? [])
  const longest = (of: (app: ProxiedApp) => number): string => duration(Math.max(...apps.map(of)))
  return section(`frontend lbm_${index} from lbm`, [
    ...addresses.map((address) => bind(address, apps)),
    `timeout client ${longest(({ proxy }) => proxy.clientTimeoutMs)}`,
    // A reload then loses no keep-alive client: an idle connection is closed after one more answer.
    'option idle-close-on-response',
    ...(trust.length === 0 || shared.acceptProxy
      ? []
      : [
          `http-request set-src req.hdr_ip(x-forwarded-for,-1) if { src ${trust.map(word).join(' ')} }`,
        ]),
    ...(apps.some(({ proxy }) => proxy.forwarded)
      ? [
          'option forwardfor',
          `http-request set-header X-Forwarded-Proto ${shared.tls === undefined ? 'http' : 'https'}`,
          'http-request set-header X-Forwarded-Host %[req.hdr(host)]',
          'http-request set-header X-Forwarded-Port %[dst_port]',
        ]
      : []),
    ...(bodies.length === 0
      ? []
      : [
          `http-request deny deny_status 413 if { req.hdr_val(content-length) gt ${Math.max(...bodies)} }`,
        ]),
    // GET and HEAD only: what was sent once may have been done.
    'http-request disable-l7-retry unless METH_GET',
    ...routes(apps),
    ...apps.flatMap(({ proxy }) => snippetLines(proxy.snippets.server)),
  ])
}

function bind({ host, port }: ProxiedApp['listen'][number], apps: Entrance['apps']): string {
  const [{ proxy: shared }] = apps
  const certificates = [...new Set(apps.flatMap(({ proxy }) => proxy.tls?.cert ?? []))]
  const http2 = apps.some(({ proxy }) => proxy.tls?.http2 === true)
  return [
    `bind ${host === '*' ? '*' : bracketed(host)}:${port}`,
    ...(certificates.length === 0
      ? []
      : [
          'ssl',
          ...certificates.map((file) => `crt ${quoted(file)}`),
          `alpn ${http2 ? 'h2,' : ''}http/1.1`,
        ]),
    ...(shared.acceptProxy ? ['accept-proxy'] : []),
  ].join(' ')
}

/** The most exact first: names before wildcards before any name, long paths before short ones. */
function routes(apps: readonly ProxiedApp[]): string[] {
  const ordered = apps.toSorted(
    (a, b) => rank(b) - rank(a) || b.proxy.path.length - a.proxy.path.length,
  )
  return ordered.flatMap(({ id, proxy }, index) => {
    const backend = `lbm_${word(id)}`
    const byPath =
      proxy.path === '/' ? '' : ` { path ${word(proxy.path)} } || { path_beg ${word(proxy.path)}/ }`
    const exact = proxy.serverNames.filter((name) => !name.startsWith('*.'))
    const ends = proxy.serverNames.filter((name) => name.startsWith('*.'))
    if (proxy.serverNames.length === 0)
      return [byPath === '' ? `default_backend ${backend}` : `use_backend ${backend} if${byPath}`]
    const acl = `lbm_name_${index}`
    const host = 'req.hdr(host),field(1,:),lower'
    const names = [
      ...(exact.length === 0 ? [] : [`acl ${acl} ${host} ${exact.map(lower).join(' ')}`]),
      ...(ends.length === 0
        ? []
        : [`acl ${acl} ${host} -m end ${ends.map((name) => lower(name.slice(1))).join(' ')}`]),
    ]
    const paths =
      proxy.path === '/'
        ? `if ${acl}`
        : `if ${acl} { path ${word(proxy.path)} } || ${acl} { path_beg ${word(proxy.path)}/ }`
    return [...names, `use_backend ${backend} ${paths}`]
  })
}

function rank({ proxy }: ProxiedApp): number {
  if (proxy.serverNames.length === 0) return 0
  return proxy.serverNames.some((name) => name.startsWith('*.')) ? 1 : 2
}

function lower(name: string): string {
  return word(name.toLowerCase())
}
