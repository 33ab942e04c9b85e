/** valibot schemas of slots and proxy options: what is to become a configuration passes here, wherever it came from. */

import * as v from 'valibot'

import {
  type HaproxyPlace,
  type NginxPlace,
  PROXY_ALGORITHMS,
  PROXY_PATTERNS,
  type ProxyOptions,
  type ProxyPattern,
  type SlotsSpec,
} from './proxy.ts'

type SchemaOf<T> = v.GenericSchema<unknown, T>

const matching = (pattern: ProxyPattern, expected: string): SchemaOf<string> =>
  v.pipe(v.string(), v.regex(PROXY_PATTERNS[pattern], expected))

const whole = (min: number, max: number): SchemaOf<number> =>
  v.pipe(
    v.number(),
    v.integer('a whole number'),
    v.minValue(min, `${min} or more`),
    v.maxValue(max, `at most ${max}`),
  )

const MAX_MS = 24 * 3600 * 1000
const durationMs = whole(0, MAX_MS)
const timeoutMs = whole(1, MAX_MS)
const port = whole(1, 65_535)
/** HAProxy's limit is 256, and its weights are given in steps of 10. */
const weight = whole(0, 25)
const file = matching('file', 'an absolute path of plain characters')
const socket = matching('socket', 'an absolute path of at most 107 plain characters')
const urlPath = matching('urlPath', 'a path such as "/api"')
const host = matching('host', 'a host name or an address')
const snippet = v.exactOptional(
  v.pipe(
    v.string(),
    v.maxLength(64 * 1024, 'at most 64 KiB'),
    v.check((text) => !/[^\P{Cc}\n\t]/u.test(text), 'text without control characters'),
  ),
)

export const slots: SchemaOf<SlotsSpec> = v.object({
  at: v.variant('type', [
    v.object({ type: v.literal('tcp'), host, base: whole(0, 65_535) }),
    v.object({
      type: v.literal('unix'),
      dir: matching('socketDir', 'an absolute path of at most 91 plain characters'),
    }),
  ]),
  max: whole(0, 1000),
  port: v.exactOptional(port),
  only: v.exactOptional(v.boolean()),
})

const listen = v.object({
  host: matching('listenHost', '"*", a host name or an address'),
  port,
})

export const nginxPlace: SchemaOf<NginxPlace> = v.object({
  program: v.exactOptional(file),
  conf: v.exactOptional(file),
  out: v.exactOptional(file),
  control: v.exactOptional(
    v.union([socket, v.pipe(v.string(), v.regex(/^[0-9a-z.:[\]-]+:\d{1,5}$/i))]),
  ),
})

export const haproxyPlace: SchemaOf<HaproxyPlace> = v.object({
  program: v.exactOptional(file),
  out: v.exactOptional(file),
  socket: v.exactOptional(socket),
  master: v.exactOptional(socket),
  pidFile: v.exactOptional(file),
})

export const proxyOptions: SchemaOf<ProxyOptions> = v.object({
  listen: v.exactOptional(v.array(listen)),
  serverNames: v.exactOptional(
    v.array(matching('serverName', 'a host name such as "www.example.com" or "*.example.com"')),
  ),
  path: v.exactOptional(urlPath),
  tls: v.exactOptional(v.object({ cert: file, key: v.exactOptional(file), http2: v.boolean() })),
  algorithm: v.exactOptional(v.picklist(PROXY_ALGORITHMS)),
  cookie: v.exactOptional(matching('cookie', 'a name of letters, digits, "-" and "_"')),
  weights: v.exactOptional(v.array(weight)),
  loadWeights: v.exactOptional(v.boolean()),
  hosts: v.exactOptional(v.array(v.object({ address: host, port, weight, backup: v.boolean() }))),
  maxFails: v.exactOptional(whole(0, 1000)),
  failTimeoutMs: v.exactOptional(timeoutMs),
  check: v.exactOptional(
    v.object({
      path: matching('checkPath', 'a path such as "/healthz"'),
      intervalMs: timeoutMs,
      timeoutMs: v.exactOptional(timeoutMs),
      rise: whole(1, 1000),
      fall: whole(1, 1000),
    }),
  ),
  agentCheck: v.exactOptional(v.object({ host, port })),
  retries: v.exactOptional(whole(0, 100)),
  connectTimeoutMs: v.exactOptional(timeoutMs),
  readTimeoutMs: v.exactOptional(timeoutMs),
  clientTimeoutMs: v.exactOptional(timeoutMs),
  queueTimeoutMs: v.exactOptional(timeoutMs),
  tunnelTimeoutMs: v.exactOptional(timeoutMs),
  keepalive: v.exactOptional(whole(0, 10_000)),
  keepaliveTimeoutMs: v.exactOptional(timeoutMs),
  websocket: v.exactOptional(v.boolean()),
  forwarded: v.exactOptional(v.boolean()),
  trust: v.exactOptional(
    v.array(matching('network', 'an address or a network such as "10.0.0.0/8"')),
  ),
  acceptProxy: v.exactOptional(v.boolean()),
  sendProxy: v.exactOptional(v.boolean()),
  slowStartMs: v.exactOptional(durationMs),
  static: v.exactOptional(
    v.array(v.object({ path: urlPath, root: file, expiresMs: v.exactOptional(durationMs) })),
  ),
  gzip: v.exactOptional(v.boolean()),
  maxBodyBytes: v.exactOptional(whole(0, Number.MAX_SAFE_INTEGER)),
  snippets: v.exactOptional(
    v.object({ global: snippet, upstream: snippet, server: snippet, location: snippet }),
  ),
  spareServers: v.exactOptional(whole(0, 1000)),
  nginx: v.exactOptional(nginxPlace),
  haproxy: v.exactOptional(haproxyPlace),
}) as SchemaOf<ProxyOptions>
