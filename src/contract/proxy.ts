/** What stands in front of an app: its stable addresses (slots), and the options of the reverse proxy that leads to them. */

export const PROXY_KINDS = ['nginx', 'haproxy'] as const
export type ProxyKind = (typeof PROXY_KINDS)[number]

export const PROXY_ALGORITHMS = [
  'roundrobin',
  'leastconn',
  'iphash',
  'cookie',
  'uri',
  'random2',
] as const
export type ProxyAlgorithm = (typeof PROXY_ALGORITHMS)[number]

/** One listening address an instance number, kept while processes come and go. */
export interface SlotsSpec {
  /** Number `n` is at `base + n`; base 0: a block that the daemon chooses once and keeps. */
  at: { type: 'tcp'; host: string; base: number } | { type: 'unix'; dir: string }
  /** So many are there, whether there are instances for them or not; 0: as many as instances. */
  max: number
  /** Port of the app's own listener that they belong to; absent: the first that listens. */
  port?: number
  /** In place of the app's own listener, which is not bound (cluster mode). */
  only?: boolean
}

export interface ProxyListen {
  /** `*`, an address, or a name of one. IPv6 without brackets. */
  host: string
  port: number
}

/** Another host's address of the same app. */
export interface ProxyHost {
  address: string
  port: number
  weight: number
  /** Only when no other one can take a request. */
  backup: boolean
}

export interface ProxyCheck {
  path: string
  intervalMs: number
  timeoutMs?: number
  /** So many in a row until it counts as up, as down. */
  rise: number
  fall: number
}

export interface StaticFiles {
  /** Prefix of the URL. */
  path: string
  /** Folder that stands for it. */
  root: string
  expiresMs?: number
}

/** The user's own lines, taken as they are, each at its level. */
export interface ProxySnippets {
  /** nginx: `http`; HAProxy: `global`. */
  global?: string
  /** nginx: `upstream`; HAProxy: `backend`. */
  upstream?: string
  /** nginx: `server`; HAProxy: `frontend`. */
  server?: string
  /** nginx: `location`; HAProxy: `backend`, after all else. */
  location?: string
}

export interface ProxySpec {
  /** Empty: port 80, or 443 with TLS. */
  listen: ProxyListen[]
  /** Empty: every name. */
  serverNames: string[]
  path: string
  tls?: { cert: string; key?: string; http2: boolean }
  algorithm: ProxyAlgorithm
  /** Name of the cookie that `cookie` sets. */
  cookie: string
  /** By instance number; a missing one counts 1. */
  weights: number[]
  /** Weights follow the instances' event loops. */
  loadWeights: boolean
  hosts: ProxyHost[]
  maxFails?: number
  failTimeoutMs?: number
  check?: ProxyCheck
  /** Answered by the daemon of the host; each host's at the same port. */
  agentCheck?: { host: string; port: number }
  retries?: number
  connectTimeoutMs: number
  readTimeoutMs: number
  clientTimeoutMs: number
  queueTimeoutMs: number
  /** After an upgrade (WebSocket). */
  tunnelTimeoutMs: number
  /** Idle connections kept to the instances. */
  keepalive: number
  /** Absent: a second less than the app's `drain_idle`, so that the proxy always closes first. */
  keepaliveTimeoutMs?: number
  websocket: boolean
  forwarded: boolean
  /** Networks in front of the proxy whose word about the client counts. */
  trust: string[]
  acceptProxy: boolean
  sendProxy: boolean
  slowStartMs?: number
  static: StaticFiles[]
  gzip: boolean
  maxBodyBytes?: number
  snippets: ProxySnippets
  /** Servers declared for instances to come, beyond `slots.max` (HAProxy). */
  spareServers: number
  nginx: NginxPlace
  haproxy: HaproxyPlace
}

/** Where the running nginx is. */
export interface NginxPlace {
  program?: string
  /** Its main configuration; absent: the program's own default. */
  conf?: string
  /** Where lbm's file goes; absent: `/etc/nginx/conf.d/lbm-<app>.conf`. */
  out?: string
  /** Where lbm reads back which configuration serves: an address and port of this host, or an absolute path. */
  control?: string
}

/** Where the running HAProxy is. */
export interface HaproxyPlace {
  program?: string
  out?: string
  /** Its admin socket; the file declares it. */
  socket?: string
  /** Its master's socket (`haproxy -S`). */
  master?: string
  /** Its master's pid, where there is no master socket. */
  pidFile?: string
}

export type ProxyOptions = Partial<ProxySpec>

/** What holds where neither the app nor the command line says otherwise. */
export const PROXY_DEFAULTS: ProxySpec = {
  listen: [],
  serverNames: [],
  path: '/',
  algorithm: 'leastconn',
  cookie: 'LBM',
  weights: [],
  loadWeights: false,
  hosts: [],
  connectTimeoutMs: 2000,
  readTimeoutMs: 60_000,
  clientTimeoutMs: 60_000,
  queueTimeoutMs: 5000,
  tunnelTimeoutMs: 3_600_000,
  keepalive: 32,
  websocket: true,
  forwarded: true,
  trust: [],
  acceptProxy: false,
  sendProxy: false,
  static: [],
  gzip: false,
  snippets: {},
  spareServers: 0,
  nginx: {},
  haproxy: {},
}

/**
 * What each text of a configuration may look like. Nothing else is ever written into one: none of these lets through
 * what nginx or HAProxy would read as the end of a word, a quote, a variable, a comment or a line.
 */
export const PROXY_PATTERNS: Record<ProxyPattern, RegExp> = {
  serverName: /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]{0,62})(?:\.[a-z0-9_-]{1,63})*$/i,
  /** A prefix of URLs. */
  urlPath: /^\/[A-Za-z0-9_.~/%@:+,-]*$/,
  /** Of a check: a query is allowed. */
  checkPath: /^\/[A-Za-z0-9_.~/%@:+,?&=-]*$/,
  file: /^\/[A-Za-z0-9_.~/@:+,= -]+$/,
  /** A name or an address, IPv6 without brackets. */
  host: /^(?:[a-z0-9](?:[a-z0-9.-]{0,252})|[0-9a-f:]*:[0-9a-f:.]*)$/i,
  listenHost: /^(?:\*|[a-z0-9](?:[a-z0-9.-]{0,252})|[0-9a-f:]*:[0-9a-f:.]*)$/i,
  network: /^[0-9a-f.:]+(?:\/\d{1,3})?$/i,
  cookie: /^[A-Za-z0-9_-]{1,64}$/,
  /** Short, since the path of a socket may have 107 bytes. */
  socketDir: /^\/[A-Za-z0-9_.~/@:+,=-]{1,90}$/,
  socket: /^\/[A-Za-z0-9_.~/@:+,=-]{1,106}$/,
}

export type ProxyPattern =
  | 'serverName'
  | 'urlPath'
  | 'checkPath'
  | 'file'
  | 'host'
  | 'listenHost'
  | 'network'
  | 'cookie'
  | 'socketDir'
  | 'socket'

/** Where instance `number` is reached. */
export type SlotAddress =
  | { type: 'tcp'; host: string; port: number }
  | { type: 'unix'; path: string }

/** @param base the daemon's choice, where the app left it to it @param app the app's key */
export function slotAddress(
  { at }: SlotsSpec,
  number: number,
  { base, app }: { base: number | undefined; app: string },
): SlotAddress {
  if (at.type === 'unix') return { type: 'unix', path: `${at.dir}/${fileName(app)}-${number}.sock` }
  return { type: 'tcp', host: at.host, port: (at.base === 0 ? (base ?? 0) : at.base) + number }
}

/** A word for files and configurations that no two apps share. */
export function fileName(app: string): string {
  const plain = app.replaceAll(/[^A-Za-z0-9_.-]/g, '_')
  return plain === app ? plain : `${plain}-${hashOf(app)}`
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i += 1)
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0
  return hash.toString(36)
}
