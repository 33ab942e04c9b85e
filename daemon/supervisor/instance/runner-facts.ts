/** What the parts of a runner share: what it was given, and what it knows of its instance. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { EventBody } from '../../../src/contract/events.ts'
import type { ExitReason, ListeningAt } from '../../../src/contract/instance.ts'
import { type Axm, NO_AXM } from './axm.ts'
import { newInstance } from './machine.ts'
import type { RunnerOptions } from './runner-port.ts'
import type { RunningProcess } from './running-process.ts'
import type { Instance, InstanceEvent } from './state.ts'

export interface RunnerFacts {
  readonly options: RunnerOptions
  readonly createdAt: number
  spec: AppSpec
  listens: boolean
  number: number
  inService: boolean
  instance: Instance
  process: RunningProcess | undefined
  listening: ListeningAt[]
  notes: string[]
  axm: Axm
  startedAt: number
  lastExit: ExitReason | undefined
}

/** How its parts act on it. */
export interface RunnerLine {
  send(event: InstanceEvent): void
  announce(body: EventBody): void
  publish(): void
}

export function newFacts(options: RunnerOptions): RunnerFacts {
  const { known, spec, listens, number, inService, clock } = options
  return {
    options,
    createdAt: known?.createdAt ?? clock.wall(),
    spec,
    listens,
    number,
    inService,
    instance: newInstance(
      known && {
        restarts: known.restarts,
        unstableRestarts: known.unstableRestarts,
        quickDeaths: known.quickDeaths,
      },
    ),
    process: undefined,
    listening: [],
    notes: [],
    axm: NO_AXM,
    startedAt: known?.startedAt ?? 0,
    lastExit: undefined,
  }
}
