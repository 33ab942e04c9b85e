/** A real supervisor for a test: the built program, spoken to over its socket. */

import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { connectRpc, type ConnectedPeer } from '../../daemon/kernel/rpc-client.ts'
import type { AppSpec } from '../../src/contract/app.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import type { InstanceOutcome, SupervisorApi } from '../../src/contract/supervisor.ts'
import { PROTOCOL } from '../../src/contract/version.ts'
import { DIST } from './dist.ts'
import { processesOf } from './processes.ts'
import { tempHome, type TempHome } from './temp-home.ts'
import { until } from './until.ts'

export interface RunningSupervisor extends AsyncDisposable {
  home: TempHome['paths']
  pid: number
  readonly api: ConnectedPeer<SupervisorApi>
  /** To the successor, after an upgrade. */
  reconnect(): Promise<void>
  /** Newest state of each instance. */
  states: Map<number, InstanceState>
  events: LbmEvent[]
  /** Puts the app with ids 0 … N−1 and starts it. */
  start(spec: AppSpec, how?: { wait?: boolean; rollBack?: boolean }): Promise<InstanceOutcome[]>
  /** Resolves when the state of an instance fulfils the claim. */
  state(id: number, claim: (state: InstanceState) => boolean): Promise<InstanceState>
}

export async function startSupervisor(): Promise<RunningSupervisor> {
  const home = tempHome()
  for (const folder of [home.paths.runDir, home.paths.logsDir, home.paths.pidsDir])
    mkdirSync(folder, { recursive: true })
  const program = spawn(process.execPath, [join(DIST, 'supervisor.cjs'), 'test'], {
    env: { ...process.env, LBM_HOME: home.paths.root },
    stdio: 'inherit',
  })
  const path = join(home.paths.runDir, 'test.sock')
  const states = new Map<number, InstanceState>()
  const events: LbmEvent[] = []
  const reach = (): Promise<ConnectedPeer<SupervisorApi>> =>
    until(() =>
      connectRpc<SupervisorApi>({
        path,
        hello: { protocol: PROTOCOL, version: 'test', role: 'daemon', pid: process.pid },
        timeoutMs: 5000,
        onNotification(method, params) {
          if (method === 'instance.changed')
            states.set((params as InstanceState).id, params as InstanceState)
          if (method === 'event') events.push(params as LbmEvent)
        },
      }).catch(() => undefined),
    )
  let api = await reach()
  return {
    home: home.paths,
    pid: program.pid ?? 0,
    get api() {
      return api
    },
    async reconnect() {
      api = await reach()
    },
    states,
    events,
    async start(spec, { wait = true, rollBack = true } = {}) {
      const ids = Array.from({ length: spec.instances }, (_, number) => number)
      const slots = ids.map((id) => ({ id, number: id, desired: 'running' as const }))
      await api.request('app.put', {
        record: { key: spec.name, spec, slots, listens: false, createdAt: Date.now() },
      })
      const { outcomes } = await api.request('instances.start', {
        key: spec.name,
        ids,
        wait,
        rollBack,
      })
      return outcomes
    },
    state: (id, claim) =>
      until(() => {
        const state = states.get(id)
        return state !== undefined && claim(state) ? state : undefined
      }),
    async [Symbol.asyncDispose]() {
      // The last one standing may be a successor, which is nobody's child here.
      const closed = api.closed
      await api.request('supervisor.shutdown', {}).catch(() => program.kill('SIGKILL'))
      await closed
      await until(() => processesOf(home.paths.root).length === 0 || undefined)
      home[Symbol.dispose]()
    },
  }
}
