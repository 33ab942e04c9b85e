/** An app with slots behind a real nginx or HAProxy that runs, its configuration applied by `lbm proxy`. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Cli, newCli } from './cli.ts'
import { FIXTURES } from './dist.ts'
import { freePort } from './free-port.ts'
import { limited } from './limited.ts'
import {
  haproxyPlace,
  nginxPlace,
  type ProxyFolder,
  proxyFolder,
  type RunningProxy,
  startHaproxy,
  startNginx,
} from './running-proxy.ts'

export const PROXIES = ['nginx', 'haproxy'] as const
export type Kind = (typeof PROXIES)[number]

export interface ProxiedWorld extends AsyncDisposable {
  cli: Cli
  folder: ProxyFolder
  /** Where the proxy listens. */
  port: number
  /** The app's own port. */
  appPort: number
  /** First port of its slots, where they are ports. */
  base: number
  file: string
  proxy: RunningProxy
}

export interface WorldOptions {
  slots?: 'TCP' | 'Unix'
  /** Keys of the app. */
  app?: Record<string, unknown>
  /** Keys of its `proxy`. */
  proxy?: Record<string, unknown>
  /** False: the proxy runs, but nothing is applied yet. */
  apply?: boolean
}

/** Tests of one file wait more than they work, but each has eight processes or more. The bench has one of each kind. */
const MAX_WORLDS = 4
const takePlace = limited(MAX_WORLDS)

export async function proxiedWorld(
  kind: Kind,
  { slots = 'TCP', app = {}, proxy = {}, apply = true }: WorldOptions = {},
): Promise<ProxiedWorld> {
  const leavePlace = await takePlace()
  const folder = proxyFolder()
  const cli = newCli({ cwd: folder.path })
  const [port, appPort, base, control] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ]
  const places = { nginx: nginxPlace(folder, control), haproxy: haproxyPlace(folder) }
  const at = slots === 'TCP' ? { base } : { dir: folder.file('slots') }
  const definition = {
    name: 'api',
    script: join(FIXTURES, 'http.cjs'),
    instances: 2,
    env: { PORT: String(appPort) },
    reload_min_uptime: 100,
    drain_idle: 800,
    ...app,
    slots: { ...at, ...(app['slots'] as object | undefined) },
    proxy: { listen: `127.0.0.1:${port}`, ...places, ...proxy },
  }
  let running: RunningProxy | undefined
  const end = async (): Promise<void> => {
    await cli[Symbol.asyncDispose]()
    await running?.[Symbol.asyncDispose]()
    folder[Symbol.dispose]()
    leavePlace()
  }
  try {
    writeFileSync(folder.file('ecosystem.json'), JSON.stringify({ apps: [definition] }))
    await cli.ok('start', 'ecosystem.json')
    if (kind === 'haproxy') await cli.ok('proxy', 'haproxy', 'api', '--out', folder.file('lbm.cfg'))
    running = await (kind === 'nginx' ? startNginx(folder) : startHaproxy(folder))
    if (apply) await cli.ok('proxy', kind, 'api', '--apply')
    const file = places[kind]['out'] ?? ''
    return { cli, folder, port, appPort, base, file, proxy: running, [Symbol.asyncDispose]: end }
  } catch (error) {
    await end()
    throw error
  }
}
