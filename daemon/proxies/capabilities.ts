/** What one of the proxies cannot do is an error that names what it can. Pure. */

import { LbmError } from '../../src/contract/errors.ts'
import type { ProxyKind } from '../../src/contract/proxy.ts'
import type { ProxiedApp } from './proxied-app.ts'
import { atLeast, showVersion, type Version } from './version.ts'

/** The oldest that knows all that the generated text says. */
const OLDEST: Record<ProxyKind, Version> = { nginx: [1, 18, 0], haproxy: [2, 4, 0] }

const NEEDED_FOR: Record<ProxyKind, string> = {
  nginx: 'connections to the instances that stay open for a time of their own (keepalive_timeout)',
  haproxy: 'reloads that cut no idle connection (idle-close-on-response)',
}

interface Limit {
  applies: (app: ProxiedApp) => boolean
  message: string
  hint: string
}

const NGINX: Limit[] = [
  {
    applies: ({ proxy }) => proxy.check !== undefined,
    message: 'nginx without its commercial part has no active checks ("check")',
    hint: 'use max_fails and fail_timeout, or HAProxy',
  },
  {
    applies: ({ proxy }) => proxy.slowStartMs !== undefined,
    message: 'nginx without its commercial part has no "slow_start"',
    hint: 'leave it out, or use HAProxy',
  },
  {
    applies: ({ proxy }) => proxy.sendProxy,
    message: 'nginx sends no PROXY protocol to HTTP servers ("proxy_protocol")',
    hint: 'the app gets the client’s address in X-Forwarded-For; nginx can "accept" the protocol; HAProxy sends it',
  },
  {
    applies: ({ proxy }) => proxy.loadWeights || proxy.agentCheck !== undefined,
    message: 'nginx cannot change weights while it runs ("load_weights", "agent_check")',
    hint: 'use fixed weights, or HAProxy',
  },
  {
    applies: ({ proxy }) => proxy.hosts.some(({ backup }) => backup) && isHashed(proxy.algorithm),
    message: 'nginx has a "backup" with roundrobin and leastconn only',
    hint: 'use one of these, or HAProxy',
  },
  {
    applies: ({ proxy }) =>
      [...proxy.weights, ...proxy.hosts.map(({ weight }) => weight)].includes(0),
    message: 'nginx has no weight 0',
    hint: 'leave that host out, or use HAProxy, where 0 means: no new requests',
  },
]

const HAPROXY: Limit[] = [
  {
    applies: ({ proxy }) => proxy.static.length > 0,
    message: 'HAProxy serves no files ("static")',
    hint: 'use nginx for them, or serve them from the app',
  },
  {
    applies: ({ proxy }) => hasOwnKey(proxy.tls),
    message: 'HAProxy takes certificate and key from one file, or the key from <cert>.key',
    hint: 'put both into one file (cat cert.pem key.pem > site.pem) and leave "key" out',
  },
  {
    applies: ({ proxy, servers }) =>
      proxy.spareServers > 0 && servers.some(({ address }) => address.type === 'unix'),
    message: 'HAProxy takes no Unix sockets while it runs ("spare_servers")',
    hint: 'declare more slots beforehand (slots.max), or use TCP slots',
  },
]

function isHashed(algorithm: string): boolean {
  return !['roundrobin', 'leastconn'].includes(algorithm)
}

function hasOwnKey(tls: ProxiedApp['proxy']['tls']): boolean {
  return tls?.key !== undefined && tls.key !== tls.cert && tls.key !== `${tls.cert}.key`
}

/** @throws LbmError UNSUPPORTED with everything that is in the way */
export function checkCapabilities(
  kind: ProxyKind,
  apps: readonly ProxiedApp[],
  version: Version,
): void {
  if (!atLeast(version, OLDEST[kind])) {
    throw new LbmError(
      'UNSUPPORTED',
      `This is ${kind} ${showVersion(version)}; its configuration is made for ${showVersion(OLDEST[kind])} and later.`,
      {
        hint: `install a newer one: it is needed for ${NEEDED_FOR[kind]}; or name another: proxy.${kind}.program`,
      },
    )
  }
  const limits = kind === 'nginx' ? NGINX : HAPROXY
  const met = apps.flatMap((app) =>
    limits
      .filter(({ applies }) => applies(app))
      .map(({ message, hint }) => ({ message: `App "${app.key}": ${message}.`, hint })),
  )
  if (met.length === 0) return
  throw new LbmError('UNSUPPORTED', met.map(({ message }) => message).join(' '), {
    hint: [...new Set(met.map(({ hint }) => hint))].join('; '),
  })
}
