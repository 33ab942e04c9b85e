/** One configuration of lbm's: which apps it is for, where it is, and its text. Pure but for the names of files. */

import { createHash } from 'node:crypto'
import { join } from 'node:path'

import type { AppRecord } from '../../src/contract/app.ts'
import type { ProxyKind, ProxyOptions } from '../../src/contract/proxy.ts'
import { checkCapabilities } from './capabilities.ts'
import { renderHaproxy } from './haproxy.ts'
import { renderNginx } from './nginx.ts'
import { type ProxiedApp, proxiedApp } from './proxied-app.ts'
import { generationOf, signText } from './signed-text.ts'
import type { Version } from './version.ts'

/** What is kept of a configuration that lbm applied. */
export interface Front {
  kind: ProxyKind
  file: string
  /** Keys of the apps, in order. */
  apps: string[]
  /** Given on the command line, over the apps' own. */
  options: ProxyOptions
  /** Of what was last seen to serve. */
  generation: string
}

export interface FrontContext {
  /** Where sockets of lbm's are. */
  runDir: string
  cookieKey: string
  version: Version
  /** The daemon's rights: a HAProxy that root starts must give its socket to others. */
  /** For a HAProxy that is to serve nothing any more. */
  isEmpty?: boolean
  daemon: { uid: number; hasHaproxyUser: boolean }
}

export interface RenderedFront {
  apps: ProxiedApp[]
  /** Signed. */
  text: string
  generation: string
  /** The same as long as nothing but membership changes. */
  structure: string
}

/** For the first port below those of lbm's default slots. */
const CONTROL = '127.0.0.1:20900'

export function frontId(apps: readonly { id: string }[]): string {
  const ids = apps.map(({ id }) => id).join('-')
  // A file's name has its limits.
  return ids.length <= 60 ? ids : `${ids.slice(0, 50)}-${shortHash(ids)}`
}

export function placesOf(
  kind: ProxyKind,
  apps: readonly ProxiedApp[],
  { runDir }: Pick<FrontContext, 'runDir'>,
): { file: string; control: string; controlName: string; socket: string } {
  const id = frontId(apps)
  const [first] = apps
  const own = kind === 'nginx' ? first?.proxy.nginx.out : first?.proxy.haproxy.out
  const usual = kind === 'nginx' ? `/etc/nginx/conf.d/lbm-${id}.conf` : `/etc/haproxy/lbm-${id}.cfg`
  return {
    file: own ?? usual,
    control: first?.proxy.nginx.control ?? CONTROL,
    controlName: `lbm-${id}`,
    // Short: the path of a socket may have 107 bytes.
    socket: first?.proxy.haproxy.socket ?? join(runDir, `haproxy-${shortHash(id)}.sock`),
  }
}

/**
 * @param generation of what runs, when the text is to be told apart from it by membership only
 * @throws LbmError for what cannot be, or cannot be done by this proxy
 */
export function renderFront(
  kind: ProxyKind,
  records: readonly AppRecord[],
  options: ProxyOptions,
  context: FrontContext,
  generation?: string,
): RenderedFront {
  const apps = records.map((record) => proxiedApp(record, options))
  checkCapabilities(kind, apps, context.version)
  const structure = shortHash(bodyOf(kind, apps.map(withAllUsed), context, '-'))
  const chosen = generation ?? generationOf(bodyOf(kind, apps, context, '-'))
  const body = bodyOf(kind, apps, context, chosen)
  return {
    apps,
    text: signText(
      body,
      records.map(({ key }) => key),
    ),
    generation: chosen,
    structure,
  }
}

function withAllUsed(app: ProxiedApp): ProxiedApp {
  return { ...app, servers: app.servers.map((server) => ({ ...server, used: true })) }
}

function bodyOf(
  kind: ProxyKind,
  apps: readonly ProxiedApp[],
  context: FrontContext,
  generation: string,
): string {
  const { control, controlName, socket } = placesOf(kind, apps, context)
  if (kind === 'nginx')
    return renderNginx(context.isEmpty === true ? [] : apps, {
      version: context.version,
      generation,
      control,
      controlName,
    })
  const { uid, hasHaproxyUser } = context.daemon
  return renderHaproxy(context.isEmpty === true ? [] : apps, {
    generation,
    socket,
    cookieKey: context.cookieKey,
    ...(uid === 0 ? {} : { socketUid: uid }),
    ...(uid === 0 && hasHaproxyUser ? { runAs: { user: 'haproxy', group: 'haproxy' } } : {}),
  })
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12)
}
