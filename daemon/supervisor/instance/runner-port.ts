/** What runs an instance, and what it is given. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import type {
  InstanceState as InstanceReport,
  ListeningAt,
  Requester,
  SpareView,
} from '../../../src/contract/instance.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { DeathHistory } from '../health/deaths/death-history.ts'
import type { WellRuns } from '../health/deaths/well-runs.ts'
import type { NotifyHub } from '../health/notify/notify-hub.ts'
import type { OwnedInstance } from '../ownership-file.ts'
import type { SpareProcess } from '../spares/spare-process.ts'
import type { Child } from './child.ts'
import type { ProcessDeps } from './running-process.ts'
import type { InstanceEvent } from './state.ts'

export interface RunnerOptions extends ProcessDeps {
  app: string
  id: number
  number: number
  generation: number
  spec: AppSpec
  /** A generation of the app has listened. */
  listens: boolean
  /** What was known of it before this process. */
  known?: InstanceReport | undefined
  /** False: ready or not, it gets no connections before `setInService(true)`. */
  inService: boolean
  /** Its first process may be a spare, too: it is to take the place of one that a guard wants gone. */
  isUrgent?: boolean
  spares: {
    /** A process that is ready to take the number, made of this definition. */
    take(spec: AppSpec): SpareProcess | undefined
    report(): { views: SpareView[]; note: string | undefined }
  }
  /** The environment of the supervisor. */
  shell: Readonly<Record<string, string | undefined>>
  /** Of the number, whichever generation they were of. */
  deaths: DeathHistory
  wellRuns: WellRuns
  notify: NotifyHub
  /** Puts another in its place before it ends. Resolves false when none came up. */
  replace: (by: Requester, message: string) => Promise<boolean>
  leaders: {
    startsAs(runner: Runner, member: number): boolean
    renounced(member: number): void
    isLeader(member: number | undefined): boolean
  }
  changed: (report: InstanceReport) => void
  emit: (event: LbmEvent) => void
}

export interface Runner {
  readonly id: number
  readonly number: number
  readonly generation: number
  send(event: InstanceEvent): void
  /** Resolves with what the next command, or the start under way, comes to. */
  nextOutcome(): Promise<InstanceOutcome>
  report(): InstanceReport
  /** What of it goes on record; far cheaper than a report. */
  owned(): OwnedInstance
  /** For the next process; the one that runs keeps what it was started with. */
  adopt(change: { spec?: AppSpec; listens?: boolean; number?: number }): void
  /** Connections come while it is in service, ready, and its readiness holds. */
  setInService(inService: boolean): void
  memberId(): number | undefined
  listeningAt(at: ListeningAt): void
  closedAt(at: ListeningAt): void
  /** A port that it wanted and did not get: most likely what it dies of. */
  bindFailed(text: string): void
  /** A remark for `describe`. */
  note(text: string): void
  /** It leads from now on, or does not any more. */
  tellLeader(leader: boolean): void
  child(): Child | undefined
  /** Its event loop does not answer at the moment. */
  isSilent(): boolean
  /** Resolves when all that its processes printed is in the files. */
  outputWritten(): Promise<void>
}
