/** A real daemon for a test: the built program, spoken to over its socket. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { connectRpc, type ConnectedPeer } from '../../daemon/kernel/rpc-client.ts'
import type { DaemonApi } from '../../src/contract/api.ts'
import type { AppSpec } from '../../src/contract/app.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import type { InstanceView } from '../../src/contract/instance.ts'
import type { ParamsOf, ResultOf } from '../../src/contract/rpc.ts'
import { PROTOCOL } from '../../src/contract/version.ts'
import { DIST, FIXTURES } from './dist.ts'
import { processesOf } from './processes.ts'
import { sampleSpec } from './sample-spec.ts'
import { tempHome } from './temp-home.ts'
import { until } from './until.ts'

export interface RunningDaemon extends AsyncDisposable {
  home: HomePaths
  /** On a connection of its own, as a command has it. */
  call<M extends keyof DaemonApi>(
    method: M,
    params: ParamsOf<DaemonApi, M>,
  ): Promise<ResultOf<DaemonApi, M>>
  connect(
    onNotification?: (method: string, params: unknown) => void,
  ): Promise<ConnectedPeer<DaemonApi>>
  start(spec: AppSpec): Promise<ResultOf<DaemonApi, 'app.start'>>
  list(): Promise<InstanceView[]>
  /** Resolves when the list fulfils the claim. */
  listed(claim: (list: InstanceView[]) => boolean): Promise<InstanceView[]>
  pid(): number
  /** Another daemon program for the same home. */
  spawn(...args: string[]): ChildProcess
  /** Resolves when a daemon answers. */
  answers(): Promise<void>
  log(): string
}

const hello = { protocol: PROTOCOL, version: 'test', role: 'cli', pid: process.pid } as const
const CALL_MS = 60_000

/** @param env of the daemon, beside the test's own; made from the home */
export async function startDaemon(
  env: (home: HomePaths) => Record<string, string> = () => ({}),
): Promise<RunningDaemon> {
  const temporary = tempHome()
  const home = temporary.paths

  const connect: RunningDaemon['connect'] = (onNotification) =>
    connectRpc<DaemonApi>({
      path: home.socket,
      hello,
      timeoutMs: 5000,
      ...(onNotification && { onNotification }),
    })

  const daemon: RunningDaemon = {
    home,
    connect,
    async call(method, params) {
      using peer = await connect()
      return await peer.request(method, withHome(params, home), { timeoutMs: CALL_MS })
    },
    start: (spec) => daemon.call('app.start', { spec, force: false, wait: true }),
    list: async () => (await daemon.call('app.list', {})).instances,
    listed: (claim) =>
      until(async () => {
        const list = await daemon.list().catch(() => undefined)
        return list !== undefined && claim(list) ? list : undefined
      }),
    pid: () => (JSON.parse(readFileSync(home.daemonPid, 'utf8')) as { pid: number }).pid,
    spawn: (...args) =>
      spawn(process.execPath, [join(DIST, 'daemon.cjs'), ...args], {
        detached: true,
        env: { ...process.env, ...env(home), LBM_HOME: home.root },
        stdio: ['ignore', 'ignore', 'pipe'],
      }),
    async answers() {
      await until(() =>
        daemon.call('daemon.ping', {}).then(
          () => true,
          () => undefined,
        ),
      )
    },
    log: () => readFileSync(home.daemonLog, 'utf8'),
    async [Symbol.asyncDispose]() {
      await daemon.call('daemon.kill', {}).catch(() => undefined)
      await until(() => processesOf(home.root).length === 0, 5000).catch(() => {
        for (const { pid } of processesOf(home.root)) process.kill(pid, 'SIGKILL')
      })
      temporary[Symbol.dispose]()
    },
  }
  daemon.spawn().unref()
  await daemon.answers()
  return daemon
}

/** A started app's processes carry the home, so that one that is left behind is found. */
function withHome<P>(params: P, home: HomePaths): P {
  const spec = (params as { spec?: AppSpec }).spec
  if (spec === undefined) return params
  return { ...params, spec: { ...spec, env: { ...spec.env, LBM_HOME: home.root } } }
}

/** A definition of an app from the fixtures. */
export function fixtureSpec(file: string, given: Partial<AppSpec> = {}): AppSpec {
  const spec = sampleSpec({ script: join(FIXTURES, file), cwd: FIXTURES, ...given })
  return { ...spec, env: { PATH: process.env['PATH'] ?? '', ...spec.env } }
}

export function cluster(instances: number, port: number): Partial<AppSpec> {
  return { mode: 'cluster', instances, instancesGiven: true, env: { PORT: String(port) } }
}
