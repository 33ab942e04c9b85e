/** What a configuration is made of: an app with its options filled in, and every address that it can be reached at. Pure. */

import type { AppRecord } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import {
  fileName,
  PROXY_DEFAULTS,
  type ProxyListen,
  type ProxyOptions,
  type ProxySpec,
  type SlotAddress,
  slotAddress,
} from '../../src/contract/proxy.ts'

/** One address of this host's slots. */
export interface LocalServer {
  number: number
  address: SlotAddress
  weight: number
  /** There is an instance for it, and it is to run. */
  used: boolean
}

export interface ProxiedApp {
  key: string
  /** A word for upstreams, backends and files. */
  id: string
  proxy: ProxySpec
  listen: ProxyListen[]
  servers: LocalServer[]
  /** Idle connections to an instance are closed by the proxy this early, before the instance would. */
  keepaliveTimeoutMs: number
}

const HTTP_PORT = 80
const HTTPS_PORT = 443
/** sun_path of Linux, without its closing NUL. */
const MAX_SOCKET_PATH = 107

/** @throws LbmError CONFIG_INVALID for an app that has no slots */
export function proxiedApp(record: AppRecord, overrides: ProxyOptions = {}): ProxiedApp {
  const { key, spec } = record
  if (spec.slots === undefined) {
    throw new LbmError(
      'CONFIG_INVALID',
      `App "${spec.name}" has no slots: a proxy in front needs an address for each instance.`,
      { hint: 'give the app "slots": true in its ecosystem file, then: lbm reload <file>' },
    )
  }
  const proxy = withPlaces({ ...PROXY_DEFAULTS, ...spec.proxy, ...overrides })
  const defaultPort = proxy.tls === undefined ? HTTP_PORT : HTTPS_PORT
  return {
    key,
    id: fileName(key),
    proxy,
    listen: proxy.listen.length > 0 ? proxy.listen : [{ host: '*', port: defaultPort }],
    servers: localServers(record, proxy),
    keepaliveTimeoutMs: proxy.keepaliveTimeoutMs ?? Math.max(500, spec.drainIdleMs - 1000),
  }
}

function withPlaces(proxy: ProxySpec): ProxySpec {
  return { ...proxy, path: proxy.path === '/' ? '/' : proxy.path.replace(/\/+$/, '') }
}

function localServers({ key, spec, slots, slotBase }: AppRecord, proxy: ProxySpec): LocalServer[] {
  const { slots: at } = spec
  if (at === undefined) return []
  const count = Math.max(at.max, ...slots.map(({ number }) => number + 1))
  return Array.from({ length: count }, (_, number): LocalServer => {
    const address = slotAddress(at, number, { base: slotBase, app: key })
    checkAddress(spec.name, address)
    const weight = proxy.weights[number] ?? 1
    const used = slots.some((slot) => slot.number === number && slot.desired === 'running')
    return { number, address, weight, used }
  })
}

function checkAddress(name: string, address: SlotAddress): void {
  if (address.type === 'tcp' || address.path.length <= MAX_SOCKET_PATH) return
  throw new LbmError(
    'CONFIG_INVALID',
    `App "${name}": the path of a slot's socket may have ${MAX_SOCKET_PATH} bytes; ${address.path} has ${address.path.length}.`,
    { hint: 'choose a shorter slots.dir' },
  )
}
