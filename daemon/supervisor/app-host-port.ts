/** What hosts an app in a supervisor, and what it is given. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { LbmEvent } from '../../src/contract/events.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import type { InstanceState as InstanceReport, Requester } from '../../src/contract/instance.ts'
import type { InstanceOutcome, RolloutOutcome } from '../../src/contract/supervisor.ts'
import type { InheritedListener } from '../balancer/port.ts'
import type { Clock } from '../kernel/clock.ts'
import type { OomLedger } from './health/deaths/kernel-oom.ts'
import type { NotifyHub } from './health/notify/notify-hub.ts'
import type { Hooks } from './hooks/hooks.ts'
import type { Runner } from './instance/runner-port.ts'
import type { LogFilesRegistry } from './logs/log-files-registry.ts'
import type { LogPipes } from './logs/log-pipe.ts'
import type { LogSink } from './logs/log-sink.ts'
import type { ReloadRequest } from './rollout/reloads.ts'
import type { SpareProcess } from './spares/spare-process.ts'

export interface HostDeps {
  clock: Clock
  random: () => number
  home: HomePaths
  agentPath: string
  /** The environment of the supervisor. */
  shell: Readonly<Record<string, string | undefined>>
  pipes: LogPipes
  /** One for the supervisor, so that a file has one writer. */
  logFiles: LogFilesRegistry
  nextMemberId: () => number
  oom: OomLedger
  notify: NotifyHub
  hooks: Hooks
  changed: (report: InstanceReport) => void
  /** Some process came or went. */
  processesChanged: () => void
  removed: (app: string, id: number) => void
  listens: (app: string) => void
  emit: (event: LbmEvent) => void
  log: (event: string, fields: Record<string, unknown>) => void
}

export interface AppHost {
  readonly key: string
  record(): AppRecord
  /** Of those that serve, one a number. */
  reports(): InstanceReport[]
  /** Every runner, those beside the serving ones too. */
  runners(): Runner[]
  /** Processes that wait to take a number. */
  spares(): SpareProcess[]
  /** Takes a new definition and new slots; what runs goes on as it was started. */
  put(record: AppRecord, known: readonly InstanceReport[]): void
  start(
    ids: readonly number[],
    how: { wait: boolean; rollBack: boolean },
  ): Promise<InstanceOutcome[]>
  stop(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]>
  restart(
    ids: readonly number[],
    how: { by: Requester; wait: boolean; rolling: boolean },
  ): Promise<InstanceOutcome[]>
  reload(request: ReloadRequest): Promise<RolloutOutcome>
  /** @returns false when no reload is under way */
  abortReload(how: { undo: boolean; message: string }): boolean
  remove(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]>
  /** @throws LbmError APP_NOT_FOUND when the app has no such instance */
  runner(id: number): Runner
  sinks(): LogSink[]
  /** The listening sockets, for a successor of this supervisor. */
  listeners(): InheritedListener[]
  /** Takes over a listening socket of the predecessor. */
  inherit(listener: InheritedListener): void
  /** Binds anew the socket files that went with it. */
  restoreFiles(): void
  /** Chooses a leader where the app wants one: the predecessor has none any more. */
  elect(): void
  /** Chooses none any more. Resolves when no instance believes that it leads. */
  renounce(): Promise<void>
  /** Stops everything and lets go of ports and files. */
  close(by: Requester): Promise<InstanceOutcome[]>
}
