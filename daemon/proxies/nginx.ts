/** Apps behind nginx, as the text of one file that its `http` block includes. Pure. */

import type { ProxyAlgorithm, ProxyHost, ProxyListen } from '../../src/contract/proxy.ts'
import { checkConflicts, haveSameServer } from './conflicts.ts'
import { nginxLocations } from './nginx-locations.ts'
import type { LocalServer, ProxiedApp } from './proxied-app.ts'
import { checkSnippets } from './snippets.ts'
import { atLeast, type Version } from './version.ts'
import { bracketed, duration, indent, quoted, snippetLines, word } from './words.ts'

export interface NginxContext {
  version: Version
  /** Read back after a reload. */
  generation: string
  /** Address and port, or the path of a socket. */
  control: string
  /** Name of the control server: several files share its address. */
  controlName: string
}

/** @throws LbmError CONFIG_INVALID for apps that cannot share a proxy */
export function renderNginx(apps: readonly ProxiedApp[], context: NginxContext): string {
  checkConflicts(apps)
  for (const app of apps) checkSnippets(app)
  const lines = [
    ...apps.flatMap(({ proxy }) => snippetLines(proxy.snippets.global)),
    ...apps.flatMap(maps),
    ...apps.flatMap(upstream),
    ...groupByServer(apps).flatMap((group) => server(group, context)),
    ...controlServer(context),
  ]
  return `${lines.join('\n')}\n`
}

function block(head: string, lines: readonly string[]): string[] {
  return [`${head} {`, ...indent(lines), '}', '']
}

/** nginx' variables take letters, digits and `_` only. */
export function variable(prefix: string, { id }: ProxiedApp): string {
  const encoded = id.replaceAll(
    /[^A-Za-z0-9]/g,
    (letter) => `_${letter.charCodeAt(0).toString(16)}_`,
  )
  return `$lbm_${prefix}_${encoded}`
}

function maps(app: ProxiedApp): string[] {
  const { proxy } = app
  const cookie = `$cookie_${word(proxy.cookie)}`
  const attributes = `Path=/; HttpOnly; SameSite=Lax${proxy.tls === undefined ? '' : '; Secure'}`
  return [
    // An empty Connection keeps the connection to the instance open.
    ...(proxy.websocket
      ? block(`map $http_upgrade ${variable('connection', app)}`, ['default upgrade;', `'' '';`])
      : []),
    ...(proxy.algorithm === 'cookie'
      ? [
          ...block(`map ${cookie} ${variable('key', app)}`, [
            `default ${cookie};`,
            `'' $request_id;`,
          ]),
          ...block(`map ${cookie} ${variable('set_cookie', app)}`, [
            `default '';`,
            `'' "${word(proxy.cookie)}=$request_id; ${attributes}";`,
          ]),
        ]
      : []),
  ]
}

function upstream(app: ProxiedApp): string[] {
  const { id, proxy, servers, keepaliveTimeoutMs } = app
  return block(`upstream lbm_${word(id)}`, [
    // Shared by nginx' workers; without it each of them counts by itself.
    `zone lbm_${word(id)} 256k;`,
    ...balancing(proxy.algorithm, app),
    ...servers.map((one) => localServer(one, app)),
    ...proxy.hosts.map((host) => hostServer(host, app)),
    ...(proxy.keepalive > 0
      ? [`keepalive ${proxy.keepalive};`, `keepalive_timeout ${duration(keepaliveTimeoutMs)};`]
      : []),
    ...snippetLines(proxy.snippets.upstream),
  ])
}

function balancing(algorithm: ProxyAlgorithm, app: ProxiedApp): string[] {
  switch (algorithm) {
    case 'roundrobin':
      return []
    case 'leastconn':
      return ['least_conn;']
    case 'iphash':
      // Not ip_hash: it looks at three of an IPv4 address' four bytes, and moves most clients when a server comes.
      return ['hash $remote_addr consistent;']
    case 'cookie':
      return [`hash ${variable('key', app)} consistent;`]
    case 'uri':
      return ['hash $request_uri consistent;']
    case 'random2':
      return ['random two least_conn;']
  }
}

/**
 * A slot that nobody serves refuses at once, so with local servers alone nothing is gained by leaving one out, and an
 * app that was down for a second would stay down for `fail_timeout`.
 */
function failures({ proxy }: ProxiedApp): string {
  if (proxy.maxFails === undefined && proxy.failTimeoutMs === undefined && proxy.hosts.length === 0)
    return 'max_fails=0'
  return `max_fails=${proxy.maxFails ?? 2} fail_timeout=${Math.ceil((proxy.failTimeoutMs ?? 5000) / 1000)}s`
}

function localServer({ address, weight, used }: LocalServer, app: ProxiedApp): string {
  const endpoint =
    address.type === 'unix'
      ? `unix:${word(address.path)}`
      : `${bracketed(address.host)}:${address.port}`
  const share = weight === 1 ? '' : ` weight=${weight}`
  return `server ${endpoint}${share} ${failures(app)}${used ? '' : ' down'};`
}

function hostServer({ address, port, weight, backup }: ProxyHost, app: ProxiedApp): string {
  const share = weight === 1 ? '' : ` weight=${weight}`
  return `server ${bracketed(address)}:${port}${share} ${failures(app)}${backup ? ' backup' : ''};`
}

/** Apps that differ by their path alone stand in one server. */
function groupByServer(apps: readonly ProxiedApp[]): [ProxiedApp, ...ProxiedApp[]][] {
  const groups: [ProxiedApp, ...ProxiedApp[]][] = []
  for (const app of apps) {
    const group = groups.find(([first]) => haveSameServer(first, app))
    if (group === undefined) groups.push([app])
    else group.push(app)
  }
  return groups
}

function server(group: [ProxiedApp, ...ProxiedApp[]], { version }: NginxContext): string[] {
  const [{ listen, proxy: shared }] = group
  const { tls, serverNames, acceptProxy } = shared
  const hasOwnHttp2 = atLeast(version, [1, 25, 1])
  const http2 = tls?.http2 === true
  const trust = [...new Set(group.flatMap(({ proxy }) => proxy.trust))]
  const body = group.flatMap(({ proxy }) => proxy.maxBodyBytes ?? [])
  return block('server', [
    ...listen.map((at) => {
      const words = [
        place(at),
        ...(tls === undefined ? [] : ['ssl']),
        ...(http2 && !hasOwnHttp2 ? ['http2'] : []),
        ...(acceptProxy ? ['proxy_protocol'] : []),
      ]
      return `listen ${words.join(' ')};`
    }),
    ...(http2 && hasOwnHttp2 ? ['http2 on;'] : []),
    `server_name ${serverNames.length === 0 ? '_' : serverNames.map(word).join(' ')};`,
    ...(tls === undefined
      ? []
      : [
          `ssl_certificate ${quoted(tls.cert)};`,
          `ssl_certificate_key ${quoted(tls.key ?? tls.cert)};`,
          'ssl_session_cache shared:lbm:1m;',
          'ssl_protocols TLSv1.2 TLSv1.3;',
        ]),
    ...trust.map((network) => `set_real_ip_from ${word(network)};`),
    ...(trust.length === 0
      ? []
      : [
          `real_ip_header ${acceptProxy ? 'proxy_protocol' : 'X-Forwarded-For'};`,
          'real_ip_recursive on;',
        ]),
    ...(body.length === 0 ? [] : [`client_max_body_size ${Math.max(...body)};`]),
    // From 1.27.4: a reload leaves idle connections of clients a moment to be used once more.
    ...(atLeast(version, [1, 27, 4]) ? ['keepalive_min_timeout 5s;'] : []),
    ...group.flatMap((app) =>
      nginxLocations(app, variable('connection', app), variable('set_cookie', app)),
    ),
    ...group.flatMap(({ proxy }) => snippetLines(proxy.snippets.server)),
  ])
}

function place({ host, port }: ProxyListen): string {
  return host === '*' ? `${port}` : `${bracketed(host)}:${port}`
}

/** A listener of its own: on the public one, `return` would answer before `allow` and `deny` are looked at. */
function controlServer({ control, controlName, generation }: NginxContext): string[] {
  return block('server', [
    `listen ${control.startsWith('/') ? `unix:${word(control)}` : word(control)};`,
    `server_name ${word(controlName)};`,
    'access_log off;',
    ...block('location = /generation', [`return 200 "${word(generation)}";`]).slice(0, -1),
    ...block('location = /status', ['stub_status;']).slice(0, -1),
    ...block('location /', ['return 404;']).slice(0, -1),
  ])
}
