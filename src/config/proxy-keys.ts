/** The keys of `slots` and `proxy`. What a text may hold is checked here so that the error names its place in the file. */

import {
  PROXY_ALGORITHMS,
  PROXY_PATTERNS,
  type ProxyAlgorithm,
  type ProxyHost,
  type ProxyListen,
  type ProxyPattern,
} from '../contract/proxy.ts'
import { parseDurationMs } from '../contract/units.ts'
import {
  count,
  type Count,
  duration,
  type Duration,
  flag,
  type Flag,
  isRecord,
  type JsonSchema,
  kind,
  type Kind,
  oneOf,
  type OneOf,
  size,
  type Size,
  text,
  type Text,
  weights,
  type Weight,
  wholeNumber,
} from './kinds.ts'
import { group, type Group, port } from './nested-keys.ts'

export interface SlotKeys {
  /** Port of instance 0; the others follow. Default: a free block that the daemon chooses once. */
  base: Count
  /** Address that the slots listen at. Default: 127.0.0.1. */
  host: Text
  /** Folder for Unix sockets in place of ports. */
  dir: Text
  /** Slots that are there from the start, for instances to come. */
  max: Count
  /** Port of the app's own listener that the slots belong to, where it has several. */
  port: Count
  /** In place of the app's own port, which then nobody can reach past the proxy (cluster mode). */
  only: Flag
}

export function slotsGroup(): Group<SlotKeys, boolean> {
  return group(
    {
      base: count({ min: 1, max: 65_535 }),
      host: matching('host', 'a host name or an address'),
      dir: matching('socketDir', 'an absolute folder of at most 91 plain characters'),
      max: count({ min: 1, max: 1000 }),
      port: port(),
      only: flag(),
    },
    (value) => (value === true ? {} : value),
  )
}

interface CheckKeys {
  path: Text
  interval: Duration
  timeout: Duration
  rise: Count
  fall: Count
}

interface SnippetKeys {
  global: Text
  upstream: Text
  server: Text
  location: Text
}

export interface ProxyKeys {
  /** Where the proxy listens: 80, "127.0.0.1:8080", or a list. Default: 80, or 443 with a certificate. */
  listen: Kind<number | string | (number | string)[], ProxyListen[]>
  /** Host names that lead to this app. Default: every one. */
  server_name: Kind<string | string[], string[]>
  /** Prefix of the URLs that lead to this app. Default: `/`. */
  path: Text
  /** Certificate file (PEM). */
  cert: Text
  /** Its key, where it is not in the same file. */
  key: Text
  /** HTTP/2 with a certificate. Default: true. */
  http2: Flag
  /** How the proxy chooses. Default: `leastconn`. */
  algorithm: OneOf<ProxyAlgorithm>
  /** Name of the cookie of `algorithm: "cookie"`. Default: `LBM`. */
  cookie: Text
  /** Weights by instance number. */
  weights: Weight
  /** Weights follow the load of the instances' event loops (HAProxy). */
  load_weights: Flag
  /** Other hosts of this app: "10.0.0.2:21001", or objects with `address`, `weight`, `backup`. */
  hosts: Kind<(string | HostObject)[] | string, ProxyHost[]>
  /** Failures after which a server is left alone for `fail_timeout`. */
  max_fails: Count
  fail_timeout: Duration
  /** Active check (HAProxy): a path, or an object. */
  check: Group<CheckKeys, string>
  /** Port at which the daemon of each host answers HAProxy's agent checks. */
  agent_check: Kind<number | string, { host: string; port: number }>
  /** How often another server is tried; never for a POST that was sent. */
  retries: Count
  connect_timeout: Duration
  read_timeout: Duration
  client_timeout: Duration
  queue_timeout: Duration
  /** Of WebSockets and other tunnels. Default: 1 h. */
  tunnel_timeout: Duration
  /** Idle connections kept to the instances. Default: 32. */
  keepalive: Count
  /** How long. Default: a second less than `drain_idle`. */
  keepalive_timeout: Duration
  /** Pass WebSocket upgrades on. Default: true. */
  websocket: Flag
  /** Send X-Forwarded-For, -Proto, -Host and -Port. Default: true. */
  forwarded: Flag
  /** Networks in front whose word about the client counts. */
  trust: Kind<string | string[], string[]>
  /** `accept` it from what is in front, `send` it to the app (HAProxy), or `both`. */
  proxy_protocol: OneOf<'accept' | 'send' | 'both'>
  /** Time in which a server that came back gets its full share (HAProxy). */
  slow_start: Duration
  /** Folders of files that nginx serves itself: objects with `path`, `root`, `expires`. */
  static: Kind<StaticObject | StaticObject[], { path: string; root: string; expires?: number }[]>
  gzip: Flag
  /** Largest body of a request. Default: the proxy's own. */
  max_body: Size
  /** Lines of your own at each level. */
  snippets: Group<SnippetKeys>
  /** Servers declared beyond the slots, for `lbm scale` without a reload (HAProxy). */
  spare_servers: Count
  /** Where the running nginx is. */
  nginx: Group<{ program: Text; conf: Text; out: Text; control: Text }>
  /** Where the running HAProxy is. */
  haproxy: Group<{ program: Text; out: Text; socket: Text; master: Text; pid_file: Text }>
}

interface HostObject {
  address: string
  weight?: number
  backup?: boolean
}

interface StaticObject {
  path: string
  root: string
  expires?: number | string
}

/** A new object at each call: the command line's options are checked by it, too. */
export function proxyKeys(): ProxyKeys {
  return {
    listen: list('a port, or an address such as "127.0.0.1:8080"', readListen),
    server_name: list(
      'a host name such as "www.example.com" or "*.example.com"',
      textMatching('serverName'),
    ),
    path: matching('urlPath', 'a path such as "/api"'),
    cert: text('a file'),
    key: text('a file'),
    http2: flag(),
    algorithm: oneOf(PROXY_ALGORITHMS),
    cookie: matching('cookie', 'a name of letters, digits, "-" and "_"'),
    weights: weights(),
    load_weights: flag(),
    hosts: list('an address such as "10.0.0.2:21001", or { address, weight, backup }', readHost),
    max_fails: count({ max: 1000 }),
    fail_timeout: duration(),
    check: group(
      {
        path: matching('checkPath', 'a path such as "/healthz"'),
        interval: duration(),
        timeout: duration(),
        rise: count({ min: 1, max: 1000 }),
        fall: count({ min: 1, max: 1000 }),
      },
      (value) => (typeof value === 'string' ? { path: value } : value),
    ),
    agent_check: kind('a port, or an address such as "10.0.0.1:20901"', NUMBER_OR_TEXT, (value) => {
      const at = readListen(value)
      if (at === undefined) return undefined
      // What tells of the apps is told to this host alone, unless somebody says otherwise.
      const isPort = /^\d+$/.test(String(value))
      return { host: isPort ? '127.0.0.1' : at.host === '*' ? '0.0.0.0' : at.host, port: at.port }
    }),
    retries: count({ max: 100 }),
    connect_timeout: duration(),
    read_timeout: duration(),
    client_timeout: duration(),
    queue_timeout: duration(),
    tunnel_timeout: duration(),
    keepalive: count({ max: 10_000 }),
    keepalive_timeout: duration(),
    websocket: flag(),
    forwarded: flag(),
    trust: list('an address or a network such as "10.0.0.0/8"', textMatching('network')),
    proxy_protocol: oneOf(['accept', 'send', 'both']),
    slow_start: duration(),
    static: list('{ path: "/assets", root: "/srv/public" }', readStatic),
    gzip: flag(),
    max_body: size(),
    snippets: group({ global: text(), upstream: text(), server: text(), location: text() }),
    spare_servers: count({ max: 1000 }),
    nginx: group({ program: text(), conf: text(), out: text(), control: text() }),
    haproxy: group({
      program: text(),
      out: text(),
      socket: text(),
      master: text(),
      pid_file: text(),
    }),
  }
}

export function proxyGroup(): Group<ProxyKeys> {
  return group(proxyKeys())
}

const NUMBER_OR_TEXT: JsonSchema = { type: ['integer', 'string'] }

function matching(pattern: ProxyPattern, expected: string): Text {
  return kind(
    expected,
    { type: 'string', pattern: PROXY_PATTERNS[pattern].source },
    textMatching(pattern),
  )
}

function textMatching(pattern: ProxyPattern): (value: unknown) => string | undefined {
  return (value) =>
    typeof value === 'string' && PROXY_PATTERNS[pattern].test(value) ? value : undefined
}

/** One or several; a text may name several with commas or spaces between. */
function list<In, Out>(
  expected: string,
  read: (value: unknown) => Out | undefined,
): Kind<In, Out[]> {
  return kind(`${expected}, or a list of them`, {}, (value) => {
    const items = typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value
    const all = (Array.isArray(items) ? items : [items]).map(read)
    return all.length > 0 && all.every((item) => item !== undefined) ? all : undefined
  })
}

/** `443`, `":443"`, `"127.0.0.1:8080"`, `"[::1]:80"`. */
function readListen(value: unknown): ProxyListen | undefined {
  const match = /^(?:(\*|\[[^\]]+\]|[^:[\]]+)?:)?(\d{1,5})$/.exec(String(value))
  const number = wholeNumber(match?.[2])
  if (number === undefined || number < 1 || number > 65_535) return undefined
  const host = (match?.[1] ?? '*').replace(/^\[(.*)\]$/, '$1')
  return PROXY_PATTERNS.listenHost.test(host) ? { host, port: number } : undefined
}

function readHost(value: unknown): ProxyHost | undefined {
  const given = isRecord(value) ? value : { address: value }
  const { address, weight = 1, backup = false } = given
  const at = readListen(address)
  const isWeight =
    typeof weight === 'number' && Number.isInteger(weight) && weight >= 0 && weight <= 25
  if (at === undefined || at.host === '*' || !isWeight || typeof backup !== 'boolean')
    return undefined
  return { address: at.host, port: at.port, weight, backup }
}

function readStatic(value: unknown): { path: string; root: string; expires?: number } | undefined {
  if (!isRecord(value)) return undefined
  const path = textMatching('urlPath')(value['path'])
  const { root, expires } = value
  if (path === undefined || typeof root !== 'string' || root === '') return undefined
  if (expires === undefined) return { path, root }
  const expiresMs =
    typeof expires === 'number' || typeof expires === 'string'
      ? parseDurationMs(expires)
      : undefined
  return expiresMs === undefined ? undefined : { path, root, expires: expiresMs }
}
