/** Several apps behind one proxy: who gets which request must be plain. Pure. */

import { LbmError } from '../../src/contract/errors.ts'
import type { ProxyListen } from '../../src/contract/proxy.ts'
import type { ProxiedApp } from './proxied-app.ts'

export function listenKey({ host, port }: ProxyListen): string {
  return `${host}:${port}`
}

/** @throws LbmError CONFIG_INVALID for two apps that want the same requests, or one address with and without TLS */
export function checkConflicts(apps: readonly ProxiedApp[]): void {
  apps.forEach((app, index) => {
    for (const other of apps.slice(index + 1)) checkPair(app, other)
  })
}

function checkPair(a: ProxiedApp, b: ProxiedApp): void {
  const keys = a.listen.map(listenKey)
  const shared = b.listen.map(listenKey).find((key) => keys.includes(key))
  if (shared === undefined) return
  const both = `"${a.key}" and "${b.key}"`
  if ((a.proxy.tls === undefined) !== (b.proxy.tls === undefined))
    throw new LbmError(
      'CONFIG_INVALID',
      `${both} share ${shared}, one with a certificate and one without.`,
    )
  if (a.proxy.acceptProxy !== b.proxy.acceptProxy)
    throw new LbmError(
      'CONFIG_INVALID',
      `${both} share ${shared}, one with PROXY protocol and one without.`,
    )
  const name = sharedName(a, b)
  if (name === undefined) return
  const what = name === '' ? 'requests to any name' : `requests to ${name}`
  if (a.proxy.path === b.proxy.path) {
    throw new LbmError('CONFIG_INVALID', `${both} both want ${what} at ${shared}${a.proxy.path}.`, {
      hint: 'give them different server_name, path or listen',
    })
  }
  if (!haveSameServer(a, b)) {
    throw new LbmError(
      'CONFIG_INVALID',
      `${both} share ${what} at ${shared}, but not all of listen, server_name and certificate.`,
      { hint: 'apps that differ by path alone must have the others in common' },
    )
  }
}

function sharedName(a: ProxiedApp, b: ProxiedApp): string | undefined {
  const { serverNames: ofA } = a.proxy
  const { serverNames: ofB } = b.proxy
  if (ofA.length === 0 && ofB.length === 0) return ''
  return ofA.find((name) => ofB.some((other) => other.toLowerCase() === name.toLowerCase()))
}

/** Where they may differ by their path only. */
export function haveSameServer(a: ProxiedApp, b: ProxiedApp): boolean {
  return serverKey(a) === serverKey(b)
}

export function serverKey({ listen, proxy }: ProxiedApp): string {
  return JSON.stringify([
    listen.map(listenKey).toSorted(),
    proxy.serverNames.map((name) => name.toLowerCase()).toSorted(),
    proxy.tls ?? null,
  ])
}
