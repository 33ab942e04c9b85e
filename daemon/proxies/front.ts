/** One configuration of lbm's: which apps it is for, where it is, and its text. Pure but for the names of files. */

import { join } from 'node:path'

import type { AppRecord } from '../../src/contract/app.ts'
import type { HaproxyPlace, NginxPlace, ProxyKind, ProxyOptions } from '../../src/contract/proxy.ts'
import { loadCrypto } from '../kernel/crypto.ts'
import { checkCapabilities } from './capabilities.ts'
import { renderHaproxy } from './haproxy.ts'
import { renderNginx } from './nginx.ts'
import { type ProxiedApp, proxiedApp } from './proxied-app.ts'
import { generationOf, signText } from './signed-text.ts'
import type { Version } from './version.ts'

/** Where the running proxy is, and how it is spoken to. */
export interface FrontPlace {
  nginx: NginxPlace
  haproxy: HaproxyPlace
  /** nginx: address and port, or the path of a socket. */
  control: string
  /** Of the control server: several files share its address. */
  controlName: string
  /** HAProxy's admin socket. */
  socket: string
}

/** What is kept of a configuration that lbm applied; the apps may be gone when it is taken away. */
export interface Front {
  kind: ProxyKind
  file: string
  /** Keys of the apps, in order. */
  apps: string[]
  /** Given on the command line, over the apps' own. */
  options: ProxyOptions
  place: FrontPlace
  /** Of the program that took it. */
  version: Version
  /** Of what was last seen to serve. */
  generation: string
}

export interface FrontContext {
  cookieKey: string
  version: Version
  /** The daemon's rights: a HAProxy that root starts must give its socket to others. */
  daemon: { uid: number; hasHaproxyUser: boolean }
}

export interface RenderedFront {
  apps: ProxiedApp[]
  /** Signed. */
  text: string
  generation: string
}

/** For the first port below those of lbm's default slots. */
const CONTROL = '127.0.0.1:20900'

function frontId(apps: readonly ProxiedApp[]): string {
  const ids = apps.map(({ id }) => id).join('-')
  // A file's name has its limits.
  return ids.length <= 60 ? ids : `${ids.slice(0, 50)}-${shortHash(ids)}`
}

/** @param runDir where sockets of lbm's are */
export function placeOf(
  kind: ProxyKind,
  apps: readonly [ProxiedApp, ...ProxiedApp[]],
  runDir: string,
): { file: string; place: FrontPlace } {
  const id = frontId(apps)
  const [{ proxy }] = apps
  const { nginx, haproxy } = proxy
  const file =
    kind === 'nginx'
      ? (nginx.out ?? `/etc/nginx/conf.d/lbm-${id}.conf`)
      : (haproxy.out ?? `/etc/haproxy/lbm-${id}.cfg`)
  return {
    file,
    place: {
      nginx,
      haproxy,
      control: nginx.control ?? CONTROL,
      controlName: `lbm-${id}`,
      // Short: the path of a socket may have 107 bytes.
      socket: haproxy.socket ?? join(runDir, `haproxy-${shortHash(id)}.sock`),
    },
  }
}

/**
 * @param records none: a configuration that serves nothing
 * @param generation of what runs, when the text is to differ from it by membership only
 * @throws LbmError for what cannot be, or cannot be done by this proxy
 */
export function renderFront(
  { kind, options, place }: Pick<Front, 'kind' | 'options' | 'place'>,
  records: readonly AppRecord[],
  context: FrontContext,
  generation?: string,
): RenderedFront {
  const apps = records.map((record) => proxiedApp(record, options))
  checkCapabilities(kind, apps, context.version)
  const bodyOf = (one: string): string =>
    kind === 'nginx' ? nginxBody(apps, place, context, one) : haproxyBody(apps, place, context, one)
  const chosen = generation ?? generationOf(bodyOf('-'))
  const names = records.map(({ key }) => key)
  return { apps, text: signText(bodyOf(chosen), names), generation: chosen }
}

function nginxBody(
  apps: readonly ProxiedApp[],
  { control, controlName }: FrontPlace,
  { version }: FrontContext,
  generation: string,
): string {
  return renderNginx(apps, { version, generation, control, controlName })
}

function haproxyBody(
  apps: readonly ProxiedApp[],
  { socket }: FrontPlace,
  { cookieKey, daemon: { uid, hasHaproxyUser } }: FrontContext,
  generation: string,
): string {
  return renderHaproxy(apps, {
    generation,
    socket,
    cookieKey,
    ...(uid === 0 ? {} : { socketUid: uid }),
    ...(uid === 0 && hasHaproxyUser ? { runAs: { user: 'haproxy', group: 'haproxy' } } : {}),
  })
}

function shortHash(text: string): string {
  return loadCrypto().createHash('sha256').update(text).digest('hex').slice(0, 12)
}
