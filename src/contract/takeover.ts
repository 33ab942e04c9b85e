/**
 * Old supervisor ↔ its successor, over the IPC channel between them, in an upgrade. The two are of different versions,
 * so a reader ignores fields and messages that it does not know.
 */

import type { ListenQuery } from './agent.ts'
import type { AppRecord } from './app.ts'
import type { InstanceState } from './instance.ts'

export const TAKEOVER_VERSION = 1

/** How a successor is told that it is one: `node supervisor.cjs <id> --take-over`. */
export const TAKEOVER_FLAG = '--take-over'

export type FromPredecessor =
  /** `beside`: started beside those that run; `after`: once those have ended, since they bind their port themselves. */
  | { type: 'app'; record: AppRecord; known: InstanceState[]; beside: number[]; after: number[] }
  /** The listening socket comes beside the message. */
  | { type: 'listener'; app: string; query: ListenQuery; ticketKeys?: string }
  | { type: 'begin' }
  /** The predecessor takes no more commands: serve under its name. */
  | { type: 'serve' }
  /** No instance of it leads any more: choose leaders. */
  | { type: 'leaderless' }
  /** Its instances are gone: start the rest. */
  | { type: 'gone' }

export type FromSuccessor =
  | { type: 'hello'; v: number; version: string }
  | { type: 'up' }
  /** Nothing of it is left: the predecessor goes on. */
  | { type: 'failed'; message: string }
  | { type: 'serving' }
