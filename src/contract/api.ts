/** CLI → daemon: the methods and their shapes. `schemas.ts` checks the parameters at the receiving end. */

import type { AppRecord, AppSpec, BalanceSpec } from './app.ts'
import type { LbmEvent } from './events.ts'
import type { InstanceRow, InstanceView } from './instance.ts'
import type { ProxyApi } from './proxy-api.ts'
import type { Settings } from './settings.ts'
import type { InstanceOutcome, RolloutOutcome } from './supervisor.ts'

/** name, id, `all`, namespace or `/regex/`, each; resolved by the daemon, in PM2's order. */
export type Selectors = string[]

/** One app of the list with its definition. */
export interface AppDetail {
  record: AppRecord
  instances: InstanceView[]
  /** When its schedule restarts or runs it next. */
  nextRunMs?: number
  /** Largest share of the connections, by the mean one: 1 is even. Of all its instances in rotation. */
  evenness?: number
}

export interface DaemonInfo {
  version: string
  pid: number
  home: string
  startedAt: number
  apps: number
  instances: number
  rssBytes: number
  /** What the user should know, such as a state file that could not be read; stays until the daemon's end. */
  warnings: string[]
}

export interface AppOutcome {
  app: string
  name: string
  outcomes: InstanceOutcome[]
}

/** How one supervisor came out of an upgrade: its successor's pid, or why the old one goes on. */
export type UpgradedSupervisor = { id: string } & ({ pid: number } | { error: string })

export interface DaemonApi extends ProxyApi {
  'daemon.ping': { params: Record<string, never>; result: DaemonInfo }
  /** Ends every app, every supervisor and the daemon. Answers just before the daemon exits. */
  'daemon.kill': { params: Record<string, never>; result: { stopped: number } }
  /** Puts the daemon's successor in place: it exits without touching supervisors; the caller starts the next one. */
  'daemon.handover': { params: Record<string, never>; result: Record<string, never> }
  /** Replaces every supervisor by one of this daemon's version. */
  'daemon.upgradeSupervisors': {
    params: Record<string, never>
    result: { supervisors: UpgradedSupervisor[] }
  }

  'app.list': { params: Record<string, never>; result: { instances: InstanceView[] } }
  /** The same for a table. Older daemons do not have it. */
  'app.rows': { params: Record<string, never>; result: { rows: InstanceRow[] } }
  /** Values of secret-looking variables are masked unless `reveal`. */
  'app.describe': {
    params: { selectors: Selectors; reveal?: boolean }
    result: { apps: AppDetail[] }
  }
  'app.start': {
    params: { spec: AppSpec; force: boolean; wait: boolean }
    result: AppOutcome & { restarted: boolean }
  }
  /** Starts stopped or errored instances that are there already; leaves running ones alone. */
  'app.startExisting': {
    params: { selectors: Selectors; wait: boolean }
    result: { apps: AppOutcome[] }
  }
  'app.stop': { params: { selectors: Selectors }; result: { apps: AppOutcome[] } }
  'app.restart': {
    params: {
      selectors: Selectors
      wait: boolean
      rolling: boolean
      /** Merged over the stored environment (`--update-env`). */
      env?: Record<string, string>
      /** Definitions that replace the stored ones, by app name. */
      specs?: AppSpec[]
    }
    result: { apps: AppOutcome[] }
  }
  'app.reload': {
    params: {
      selectors: Selectors
      supersede: boolean
      rollback: boolean
      env?: Record<string, string>
      specs?: AppSpec[]
    }
    result: {
      apps: { app: string; name: string; rollout?: RolloutOutcome; outcomes?: InstanceOutcome[] }[]
    }
  }
  /** Calls a reload off; `undo`: back to what ran before, else it ends as it stands. */
  'app.abortReload': { params: { selectors: Selectors; undo: boolean }; result: { apps: string[] } }
  /** Takes a definition of which nothing needs another process: what runs goes on, in the number there is. */
  'app.define': { params: { app: string; spec: AppSpec }; result: Record<string, never> }
  'app.delete': { params: { selectors: Selectors }; result: { apps: AppOutcome[] } }
  'app.scale': {
    /** `to`: `4`, `+2`, `-1`. */
    params: { selector: string; to: string; wait: boolean }
    result: AppOutcome & { from: number; to: number }
  }
  'app.signal': {
    params: { selectors: Selectors; signal: string }
    result: { signalled: { id: number; name: string }[] }
  }
  'app.reset': { params: { selectors: Selectors }; result: { ids: number[] } }
  'app.balance': {
    params: { selectors: Selectors; balance: Partial<BalanceSpec> }
    result: { apps: string[] }
  }
  'app.send': { params: { id: number; line: string }; result: Record<string, never> }
  'app.message': {
    params: {
      selectors: Selectors
      message: unknown
      awaitReply?: { action: string; timeoutMs: number }
    }
    result: {
      replies: { id: number; name: string; namespace: string; value: unknown }[]
      sent: number
    }
  }
  'app.flush': { params: { selectors: Selectors }; result: { files: string[] } }
  'logs.reopen': { params: Record<string, never>; result: { files: string[] } }
  /** Notifications `event` follow on this connection until it closes. */
  'events.subscribe': { params: { selectors: Selectors }; result: Record<string, never> }
  'state.save': { params: { force: boolean }; result: { path: string; apps: number } }
  /** An empty list takes the place of the saved one, which stays as its backup. */
  'state.clear': { params: Record<string, never>; result: { path: string } }
  'settings.read': { params: Record<string, never>; result: { settings: Settings } }
  /** null takes a setting away. */
  'settings.write': {
    params: { changes: Record<string, string | null> }
    result: { settings: Settings }
  }
  'state.resurrect': { params: { wait: boolean }; result: { apps: AppOutcome[] } }
}

export interface DaemonNotifications {
  event: LbmEvent
}
