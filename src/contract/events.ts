/** Records of the event stream (`lbm events`, hooks), one JSON object a line. */

import type { ExitReason, Requester } from './instance.ts'

export type Command = 'start' | 'stop' | 'restart' | 'reload' | 'delete' | 'scale'

interface EventBase {
  /** Version of the record's shape. */
  v: 1
  atMs: number
  app: string
}

export type LbmEvent = EventBase &
  (
    | { type: 'instance.started'; id: number; number: number; pid: number; generation: number }
    | { type: 'instance.ready'; id: number; number: number; pid: number; readyAfterMs: number }
    | {
        type: 'instance.exited'
        id: number
        number: number
        exit: ExitReason
        willRestartInMs: number | null
      }
    | { type: 'instance.errored'; id: number; number: number; message: string }
    | { type: 'instance.stopping'; id: number; number: number; by: Requester }
    /** It answers, or does not answer, its readiness probe or its supervisor: in or out of rotation. */
    | { type: 'instance.readiness'; id: number; number: number; ready: boolean; message: string }
    | { type: 'instance.message'; id: number; message: unknown }
    | { type: 'rollout.progress'; generation: number; id: number; number: number; phase: string }
    | { type: 'rollout.ended'; generation: number; result: string; message?: string }
    /** A command has been carried out on this instance, well or not. */
    | { type: 'command.done'; id: number; number: number; command: Command; ok: boolean }
    /** From now on this instance, and no other of the app, leads. */
    | { type: 'leader.elected'; id: number; number: number }
    /** Its time came while the run before went on. */
    | { type: 'job.skipped'; message: string }
    | { type: 'watch.restart'; files: string[] }
    | { type: 'watch.suspended'; message: string }
    | { type: 'logs.dropped'; id: number; lines: number; message: string }
  )

type Body<E> = E extends unknown ? Omit<E, keyof EventBase> : never

/** An event without what every one has. */
export type EventBody = Body<LbmEvent>
