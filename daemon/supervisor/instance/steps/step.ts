/** What every step is given and gives. */

import type { Requester } from '../../../../src/contract/instance.ts'
import type { Monotonic } from '../../../../src/contract/units.ts'
import type { Counters, Effect, Instance, InstancePolicy, InstanceState, Next } from '../state.ts'

export type Step = [Instance, Effect[]]

export interface At {
  instance: Instance
  policy: InstancePolicy
  now: Monotonic
}

export type Starting = Extract<InstanceState, { phase: 'starting' }>
export type Ready = Extract<InstanceState, { phase: 'ready' }>
export type Draining = Extract<InstanceState, { phase: 'draining' }>
export type Stopping = Extract<InstanceState, { phase: 'stopping' }>
export type Backoff = Extract<InstanceState, { phase: 'backoff' }>

/** A process that runs. */
export type Running = { run: number; startedAt: Monotonic }

/** An end that somebody asked for. */
export interface RequestedEnd {
  next: Next
  by: Requester
  wasReady: boolean
  failFast: boolean
  message?: string
}

export function unchanged({ instance }: At): Step {
  return [instance, []]
}

export function stopped({ instance }: At, effects: Effect[] = []): Step {
  return [
    { ...instance, state: { phase: 'stopped' } },
    [...effects, { type: 'settle', result: 'stopped' }],
  ]
}

export function giveUp({ instance }: At, message: string): Step {
  return [
    { ...instance, state: { phase: 'errored', message } },
    [
      { type: 'errored', message },
      { type: 'settle', result: 'failed', message },
    ],
  ]
}

/** A command of the user starts the count of quick deaths anew. */
export function forgiven(counters: Counters): Counters {
  return { ...counters, unstableRestarts: 0, quickDeaths: 0, backoffMs: 0 }
}

export function plus(time: Monotonic, ms: number): Monotonic {
  return (time + ms) as Monotonic
}
