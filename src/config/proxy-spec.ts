/** From the checked keys `slots` and `proxy` to their parts of a definition. */

import { resolve } from 'node:path'

import { LbmError } from '../contract/errors.ts'
import type { ProxyOptions, SlotsSpec } from '../contract/proxy.ts'
import type { CheckedApp } from './schema.ts'
import { defined, DEFAULTS, expandHome } from './spec-defaults.ts'

/** @throws LbmError CONFIG_INVALID for slots that are ports and sockets at once */
export function slotsSpec(given: CheckedApp['slots']): SlotsSpec | undefined {
  if (given === undefined) return undefined
  const { dir, base, host, max = 0 } = given
  if (dir !== undefined && (base !== undefined || host !== undefined)) {
    throw new LbmError(
      'CONFIG_INVALID',
      'slots: "dir" is for Unix sockets, "base" and "host" for ports.',
      {
        hint: 'leave one of them out',
      },
    )
  }
  const at: SlotsSpec['at'] =
    dir === undefined
      ? { type: 'tcp', host: host ?? '127.0.0.1', base: base ?? 0 }
      : { type: 'unix', dir: dir.replace(/(?<=.)\/+$/, '') }
  return { at, max, ...defined('port', given.port), ...defined('only', given.only) }
}

/** @param folder what relative files are relative to */
export function proxyOptions(
  given: NonNullable<CheckedApp['proxy']>,
  folder: string,
  env: NodeJS.ProcessEnv,
): ProxyOptions {
  const place = (file: string | undefined): string | undefined =>
    file === undefined ? undefined : resolve(folder, expandHome(file, env))
  const { cert, key, nginx, haproxy } = given
  if (cert === undefined && key !== undefined)
    throw new LbmError('CONFIG_INVALID', 'proxy: there is a "key", but no "cert".')
  return {
    ...defined('listen', given.listen),
    ...defined('serverNames', given.server_name),
    ...defined('path', given.path),
    ...(cert === undefined
      ? {}
      : {
          tls: {
            cert: resolve(folder, expandHome(cert, env)),
            ...defined('key', place(key)),
            http2: given.http2 ?? true,
          },
        }),
    ...choiceOf(given),
    ...checkOf(given),
    ...defined('connectTimeoutMs', given.connect_timeout),
    ...defined('readTimeoutMs', given.read_timeout),
    ...defined('clientTimeoutMs', given.client_timeout),
    ...defined('queueTimeoutMs', given.queue_timeout),
    ...defined('tunnelTimeoutMs', given.tunnel_timeout),
    ...defined('keepalive', given.keepalive),
    ...defined('keepaliveTimeoutMs', given.keepalive_timeout),
    ...defined('websocket', given.websocket),
    ...defined('forwarded', given.forwarded),
    ...defined('trust', given.trust),
    ...(given.proxy_protocol === undefined
      ? {}
      : {
          acceptProxy: given.proxy_protocol !== 'send',
          sendProxy: given.proxy_protocol !== 'accept',
        }),
    ...defined(
      'static',
      given.static?.map(({ path, root, expires }) => ({
        path,
        root: resolve(folder, expandHome(root, env)),
        ...defined('expiresMs', expires),
      })),
    ),
    ...defined('gzip', given.gzip),
    ...defined('maxBodyBytes', given.max_body),
    ...defined('snippets', given.snippets),
    ...(nginx === undefined
      ? {}
      : {
          nginx: {
            ...defined('program', place(nginx.program)),
            ...defined('conf', place(nginx.conf)),
            ...defined('out', place(nginx.out)),
            ...defined('control', nginx.control),
          },
        }),
    ...(haproxy === undefined
      ? {}
      : {
          haproxy: {
            ...defined('program', place(haproxy.program)),
            ...defined('out', place(haproxy.out)),
            ...defined('socket', place(haproxy.socket)),
            ...defined('master', place(haproxy.master)),
            ...defined('pidFile', place(haproxy.pid_file)),
          },
        }),
  }
}

function choiceOf(given: NonNullable<CheckedApp['proxy']>): ProxyOptions {
  return {
    ...defined('algorithm', given.algorithm),
    ...defined('cookie', given.cookie),
    ...defined('weights', given.weights),
    ...defined('loadWeights', given.load_weights),
    ...defined('hosts', given.hosts),
    ...defined('maxFails', given.max_fails),
    ...defined('failTimeoutMs', given.fail_timeout),
    ...defined('retries', given.retries),
    ...defined('slowStartMs', given.slow_start),
    ...defined('spareServers', given.spare_servers),
  }
}

function checkOf(given: NonNullable<CheckedApp['proxy']>): ProxyOptions {
  const { check, agent_check: agentCheck } = given
  return {
    ...(check === undefined
      ? {}
      : {
          check: {
            path: check.path ?? '/',
            intervalMs: check.interval ?? DEFAULTS.proxyCheckIntervalMs,
            ...defined('timeoutMs', check.timeout),
            rise: check.rise ?? 2,
            fall: check.fall ?? 2,
          },
        }),
    ...defined('agentCheck', agentCheck),
  }
}
