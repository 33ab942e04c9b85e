/** The part of an nginx server that passes an app's requests on. Pure. */

import type { ProxiedApp } from './proxied-app.ts'
import { duration, indent, quoted, snippetLines, word } from './words.ts'

/** A status that only stands for "go there"; answers of the app with it pass unchanged. */
const DETOUR = 418
/** What a text that is worth compressing is. HTML always is, for nginx. */
const GZIP_TYPES =
  'text/plain text/css text/xml text/javascript application/javascript application/json application/xml image/svg+xml'

export function nginxLocations(
  app: ProxiedApp,
  connectionVariable: string,
  setCookieVariable: string,
): string[] {
  const { path, static: folders } = app.proxy
  const isTunnelling = app.proxy.websocket && app.proxy.tunnelTimeoutMs !== app.proxy.readTimeoutMs
  const tunnel = `@lbm_tunnel_${word(app.id)}`
  const common = proxying(app, connectionVariable, setCookieVariable)
  // `proxy_read_timeout` takes no variable, so what is upgraded goes through a location of its own.
  const detour = [
    `error_page ${DETOUR} = ${tunnel};`,
    `if ($http_upgrade ~* websocket) { return ${DETOUR}; }`,
  ]
  const body = [
    ...(isTunnelling ? detour : []),
    ...common,
    ...timeouts(app, app.proxy.readTimeoutMs),
  ]
  const tunnels = isTunnelling
    ? location(tunnel, [...common, ...timeouts(app, app.proxy.tunnelTimeoutMs)])
    : []
  const files = folders.flatMap(({ path: prefix, root, expiresMs }) =>
    location(prefix === '/' ? '/' : `^~ ${word(prefix.replace(/\/+$/, ''))}/`, [
      `alias ${quoted(`${root.replace(/\/+$/, '')}/`)};`,
      ...(expiresMs === undefined ? [] : [`expires ${Math.round(expiresMs / 1000)}s;`]),
    ]),
  )
  if (path === '/') return [...files, ...location('/', body), ...tunnels]
  // `/api` and `/api/…`, but not `/apix`.
  return [
    ...files,
    ...location(`= ${word(path)}`, body),
    ...location(`${word(path)}/`, body),
    ...tunnels,
  ]
}

function location(match: string, lines: readonly string[]): string[] {
  return [`location ${match} {`, ...indent(lines), '}']
}

function proxying(
  app: ProxiedApp,
  connectionVariable: string,
  setCookieVariable: string,
): string[] {
  const { id, proxy } = app
  return [
    `proxy_pass http://lbm_${word(id)};`,
    'proxy_http_version 1.1;',
    'proxy_set_header Host $host;',
    ...(proxy.forwarded
      ? [
          'proxy_set_header X-Real-IP $remote_addr;',
          'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
          'proxy_set_header X-Forwarded-Proto $scheme;',
          'proxy_set_header X-Forwarded-Host $http_host;',
          'proxy_set_header X-Forwarded-Port $server_port;',
        ]
      : []),
    ...(proxy.websocket
      ? [
          'proxy_set_header Upgrade $http_upgrade;',
          `proxy_set_header Connection ${connectionVariable};`,
        ]
      : [`proxy_set_header Connection '';`]),
    `proxy_connect_timeout ${duration(proxy.connectTimeoutMs)};`,
    // Without non_idempotent: a POST that was sent is never sent again.
    'proxy_next_upstream error timeout;',
    `proxy_next_upstream_tries ${proxy.retries === undefined ? 0 : proxy.retries + 1};`,
    `proxy_next_upstream_timeout ${duration(proxy.queueTimeoutMs)};`,
    ...(proxy.algorithm === 'cookie' ? [`add_header Set-Cookie ${setCookieVariable};`] : []),
    ...(proxy.gzip
      ? [
          'gzip on;',
          'gzip_proxied any;',
          'gzip_vary on;',
          'gzip_min_length 1024;',
          `gzip_types ${GZIP_TYPES};`,
        ]
      : []),
    ...snippetLines(proxy.snippets.location),
  ]
}

function timeouts({ proxy }: ProxiedApp, idleMs: number): string[] {
  const sendMs = Math.max(proxy.clientTimeoutMs, idleMs === proxy.tunnelTimeoutMs ? idleMs : 0)
  return [`proxy_read_timeout ${duration(idleMs)};`, `proxy_send_timeout ${duration(sendMs)};`]
}
