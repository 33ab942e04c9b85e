/** What the daemon answers about proxies. */

import type { ProxyKind, ProxyOptions } from './proxy.ts'

/** A configuration and where it belongs. */
export interface ProxyText {
  kind: ProxyKind
  file: string
  text: string
  apps: string[]
  /** What the user should know. */
  notes: string[]
}

export type ProxyAction = 'print' | 'check' | 'write' | 'apply'

export interface ProxyConfigured extends ProxyText {
  /** What the real program said of it. */
  judgement?: string
  /** `apply`: how long it took until the new configuration served; absent when it served already. */
  confirmedAfterMs?: number
}

/** One server of a proxy beside lbm's own view of it. */
export interface ProxyServerView {
  app: string
  /** Instance number; absent for another host. */
  number?: number
  address: string
  /** lbm's: the instance's phase, or `another host`. */
  lbm: string
  /** HAProxy's words: UP, DOWN, DRAIN, MAINT; nginx does not tell. */
  proxy?: string
  sessions?: number
  queued?: number
  /** Failed connections and answers. */
  errors?: number
  requests?: number
  weight?: number
}

export interface ProxyView {
  kind: ProxyKind
  file: string
  apps: string[]
  /** `ours`, `edited`, `foreign`, `missing`. */
  origin: string
  /** False when nobody answers where the running one should. */
  running: boolean
  servers: ProxyServerView[]
  /** Of the proxy as a whole: connections, requests. */
  totals: Record<string, number>
  /** Where the two views differ, in words. */
  differences: string[]
}

export interface ProxyApi {
  'proxy.configure': {
    params: {
      kind: ProxyKind
      /** Names, ids, namespaces. */
      selectors: string[]
      /** Over what the apps' definitions say. */
      options: ProxyOptions
      /** Absolute; absent: the kind's own place. */
      out?: string
      action: ProxyAction
      force: boolean
    }
    result: ProxyConfigured
  }
  'proxy.status': { params: Record<string, never>; result: { proxies: ProxyView[] } }
  /** Takes the files of these apps away and reloads. */
  'proxy.off': {
    params: { selectors: string[]; force: boolean }
    result: { files: string[] }
  }
}
