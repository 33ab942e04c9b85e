/** Daemon ↔ supervisor. The daemon calls; the supervisor answers and notifies. */

import type { AppRecord, AppSpec, BalanceSpec } from './app.ts'
import type { LbmEvent } from './events.ts'
import type { ExitReason, InstanceState, Requester } from './instance.ts'

/** How one instance came out of a command. */
export interface InstanceOutcome {
  id: number
  number: number
  /** `scheduled`: a job that runs when its time comes. */
  result:
    | 'ready'
    | 'started'
    | 'completed'
    | 'stopped'
    | 'scheduled'
    | 'failed'
    | 'timed-out'
    | 'superseded'
  /** Set for `failed` and `timed-out`. */
  exit?: ExitReason
  message?: string
}

/** What came of a reload as a whole. */
export interface RolloutOutcome {
  result: 'done' | 'rolled-back' | 'superseded'
  generation: number
  replaced: number
  message?: string
  failed?: InstanceOutcome
}

export interface SupervisorSnapshot {
  id: string
  version: string
  apps: { record: AppRecord; instances: InstanceState[] }[]
}

export interface SupervisorApi {
  'supervisor.snapshot': { params: Record<string, never>; result: SupervisorSnapshot }
  /** Creates the app or takes a new definition and slots; starts nothing, stops nothing but slots that are gone. */
  'app.put': {
    params: { record: AppRecord; known?: InstanceState[] }
    result: { instances: InstanceState[] }
  }
  /** Stops what runs and forgets the app. */
  'app.drop': { params: { key: string }; result: { outcomes: InstanceOutcome[] } }
  'app.reload': {
    params: {
      key: string
      spec: AppSpec
      by: Requester
      supersede: boolean
    }
    result: RolloutOutcome
  }
  /** `undo`: back to what ran before; else it ends as it stands. */
  'app.abortReload': { params: { key: string; undo: boolean }; result: { aborted: boolean } }
  'app.balance': { params: { key: string; balance: BalanceSpec }; result: Record<string, never> }
  /** With `wait`, answers when each is ready or has failed; else after the spawn. `rollBack`: one failed → all are stopped and errored. */
  'instances.start': {
    params: { key: string; ids: number[]; wait: boolean; rollBack: boolean }
    result: { outcomes: InstanceOutcome[] }
  }
  'instances.stop': {
    params: { key: string; ids: number[]; by: Requester }
    result: { outcomes: InstanceOutcome[] }
  }
  'instances.restart': {
    params: { key: string; ids: number[]; by: Requester; wait: boolean; rolling: boolean }
    result: { outcomes: InstanceOutcome[] }
  }
  'instances.remove': {
    params: { key: string; ids: number[]; by: Requester }
    result: { outcomes: InstanceOutcome[] }
  }
  'instances.signal': {
    params: { key: string; ids: number[]; signal: string }
    result: { signalled: number[] }
  }
  'instances.reset': { params: { key: string; ids: number[] }; result: Record<string, never> }
  'instances.stdin': {
    params: { key: string; id: number; line: string }
    result: Record<string, never>
  }
  /** Sends a message over the IPC channel; `awaitReply` waits for an `axm:reply` of that action. */
  'instances.message': {
    params: {
      key: string
      ids: number[]
      message: unknown
      awaitReply?: { action: string; timeoutMs: number }
    }
    result: { replies: { id: number; value: unknown }[] }
  }
  'logs.flush': { params: { key: string }; result: { files: string[] } }
  'logs.reopen': { params: { key?: string }; result: { files: string[] } }
  /** Puts a successor, `node <program>`, in its place; it serves under the same name when this answers. */
  'supervisor.upgrade': { params: { program: string }; result: { pid: number } }
  /** Ends every instance in order and exits. */
  'supervisor.shutdown': { params: Record<string, never>; result: Record<string, never> }
}

export interface SupervisorNotifications {
  'instance.changed': InstanceState
  'instance.removed': { app: string; id: number }
  'app.listens': { app: string }
  event: LbmEvent
}
