/** Versions of the proxies. Pure. */

import type { ProxyKind } from '../../src/contract/proxy.ts'

export type Version = readonly [number, number, number]

/** What a configuration is made for when the program is not there to ask. */
export const ASSUMED: Record<ProxyKind, Version> = { nginx: [1, 22, 1], haproxy: [2, 6, 12] }

/** Reads `nginx version: nginx/1.22.1`, `HAProxy version 2.6.12-1+deb12u4 2026/10/17`. */
export function parseVersion(text: string): Version | undefined {
  const match = /(?:nginx\/|version )(\d+)\.(\d+)(?:\.(\d+))?/i.exec(text)
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)]
}

export function atLeast(version: Version, wanted: Version): boolean {
  for (const index of [0, 1, 2] as const) {
    if (version[index] !== wanted[index]) return version[index] > wanted[index]
  }
  return true
}

export function showVersion(version: Version): string {
  return version.join('.')
}
