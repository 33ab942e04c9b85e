/** An app's servers, as HAProxy's backend. Pure. */

import type { ProxyAlgorithm, ProxyHost, SlotAddress } from '../../src/contract/proxy.ts'
import type { LocalServer, ProxiedApp } from './proxied-app.ts'
import { bracketed, duration, indent, snippetLines, word } from './words.ts'

/** So that a tenth of a weight can be told, too: HAProxy's weights are whole numbers up to 256. */
export const WEIGHT_STEP = 10

const GZIP_TYPES =
  'text/html text/plain text/css text/javascript application/javascript application/json'

export function backendName({ id }: Pick<ProxiedApp, 'id'>): string {
  return `lbm_${word(id)}`
}

/** Numbers begin at 0, HAProxy's templates at 1. */
export function serverName(number: number): string {
  return `s${number + 1}`
}

export function haproxyBackend(app: ProxiedApp, cookieKey: string): string[] {
  const { proxy, servers } = app
  const isUnix = servers.some(({ address }) => address.type === 'unix')
  return [
    `backend ${backendName(app)} from lbm`,
    ...indent([
      ...balancing(proxy.algorithm),
      ...(proxy.algorithm === 'cookie' ? cookies(app, cookieKey, isUnix) : []),
      ...timeouts(app),
      // Another server at the first failure, not the same once more.
      'option redispatch 1',
      `retries ${proxy.retries ?? Math.max(3, proxy.hosts.length + 2)}`,
      'retry-on conn-failure empty-response response-timeout',
      ...check(app),
      ...(proxy.gzip ? ['compression algo gzip', `compression type ${GZIP_TYPES}`] : []),
      ...snippetLines(proxy.snippets.upstream),
      defaultServer(app),
      ...servers.map((server) => localServer(server, app, isUnix)),
      ...spareServers(app),
      ...proxy.hosts.map((host, index) => hostServer(host, index, app)),
      ...snippetLines(proxy.snippets.location),
    ]),
  ]
}

function balancing(algorithm: ProxyAlgorithm): string[] {
  switch (algorithm) {
    case 'roundrobin':
    case 'leastconn':
      return [`balance ${algorithm}`]
    case 'iphash':
      return ['balance source', 'hash-type consistent']
    // Whom the cookie does not lead anywhere yet.
    case 'cookie':
      return ['balance leastconn']
    case 'uri':
      return ['balance uri', 'hash-type consistent']
    case 'random2':
      return ['balance random(2)']
  }
}

/** A cookie made from the address is the same after a reload, and for a server that got its address while it ran. */
function cookies({ proxy }: ProxiedApp, cookieKey: string, isUnix: boolean): string[] {
  const line = `cookie ${word(proxy.cookie)} insert indirect nocache httponly${proxy.tls === undefined ? '' : ' secure'}`
  // Of a Unix socket the address gives none (2.6): each of those servers has a fixed one.
  return isUnix ? [line] : [`dynamic-cookie-key ${word(cookieKey)}`, `${line} dynamic`]
}

function timeouts({ proxy }: ProxiedApp): string[] {
  return [
    `timeout connect ${duration(proxy.connectTimeoutMs)}`,
    `timeout server ${duration(proxy.readTimeoutMs)}`,
    `timeout queue ${duration(proxy.queueTimeoutMs)}`,
    `timeout tunnel ${duration(proxy.tunnelTimeoutMs)}`,
  ]
}

function check({ proxy }: ProxiedApp): string[] {
  if (proxy.check === undefined) return []
  const { path, timeoutMs } = proxy.check
  return [
    'option httpchk',
    `http-check send meth GET uri ${word(path)}`,
    'http-check expect status 200-399',
    ...(timeoutMs === undefined ? [] : [`timeout check ${duration(timeoutMs)}`]),
  ]
}

function defaultServer(app: ProxiedApp): string {
  const { proxy, keepaliveTimeoutMs } = app
  const { check: probe, agentCheck, slowStartMs, maxFails, failTimeoutMs } = proxy
  // A dead server has the fewest connections: until it is called down, each retry would go to it again.
  const errorLimit = maxFails ?? (proxy.hosts.length > 0 ? 1 : 0)
  return [
    'default-server',
    'check',
    `inter ${duration(probe?.intervalMs ?? 1000)}`,
    `fastinter ${duration(Math.min(250, probe?.intervalMs ?? 1000))}`,
    ...(failTimeoutMs === undefined ? [] : [`downinter ${duration(failTimeoutMs)}`]),
    `rise ${probe?.rise ?? 2}`,
    `fall ${probe?.fall ?? 2}`,
    ...(errorLimit === 0
      ? []
      : ['observe layer4', `error-limit ${errorLimit}`, 'on-error mark-down']),
    ...(slowStartMs === undefined ? [] : [`slowstart ${duration(slowStartMs)}`]),
    ...(agentCheck === undefined
      ? []
      : [
          'agent-check',
          `agent-port ${agentCheck.port}`,
          `agent-inter ${duration(probe?.intervalMs ?? 1000)}`,
        ]),
    // The proxy closes an idle connection before the instance would.
    `pool-purge-delay ${duration(keepaliveTimeoutMs)}`,
    `pool-max-conn ${proxy.keepalive}`,
    ...(proxy.sendProxy ? ['send-proxy-v2'] : []),
  ].join(' ')
}

function localServer(server: LocalServer, app: ProxiedApp, isUnix: boolean): string {
  const { number, address, weight, used } = server
  return [
    `server ${serverName(number)} ${place(address)}`,
    `weight ${weight * WEIGHT_STEP}`,
    ...(isUnix && app.proxy.algorithm === 'cookie' ? [`cookie ${serverName(number)}`] : []),
    ...agent(app, localAgentHost(app, address), `${number}`),
    ...(used ? [] : ['disabled']),
  ].join(' ')
}

/** Each host's daemon answers for its own. @param which a number, or the port of a slot */
function agent({ id, proxy }: ProxiedApp, host: string, which: string): string[] {
  if (proxy.agentCheck === undefined) return []
  return [`agent-addr ${word(host)}`, `agent-send ${word(id)}/${word(which)}\\n`]
}

/** Where this host's daemon listens: one that listens everywhere is reached where the slot is. */
function localAgentHost({ proxy }: ProxiedApp, address: SlotAddress): string {
  const { host = '0.0.0.0' } = proxy.agentCheck ?? {}
  if (host !== '0.0.0.0' && host !== '::') return host
  return address.type === 'tcp' ? address.host : '127.0.0.1'
}

/** Without an address until there is an instance for them: they get it over the admin socket. */
function spareServers({ proxy, servers }: ProxiedApp): string[] {
  if (proxy.spareServers === 0) return []
  const first = servers.length + 1
  return [
    `server-template s ${first}-${servers.length + proxy.spareServers} 127.0.0.1:1 weight ${WEIGHT_STEP} disabled`,
  ]
}

function hostServer(
  { address, port, weight, backup }: ProxyHost,
  index: number,
  app: ProxiedApp,
): string {
  return [
    `server h${index + 1} ${bracketed(address)}:${port}`,
    `weight ${weight * WEIGHT_STEP}`,
    ...agent(app, address, `:${port}`),
    ...(backup ? ['backup'] : []),
  ].join(' ')
}

function place(address: SlotAddress): string {
  return address.type === 'unix'
    ? `unix@${word(address.path)}`
    : `${bracketed(address.host)}:${address.port}`
}
