/** When an app's spares are wanted: while it runs, and never in the way of what somebody asked for. */

import type { AppRecord, AppSpec } from '../../../src/contract/app.ts'
import type { Balancer } from '../../balancer/port.ts'
import type { HostDeps } from '../app-host-port.ts'
import { sinksOfInstance } from '../logs/sinks-of-instance.ts'
import type { Reloads } from '../rollout/reloads.ts'
import { isAtRest, type Slot } from '../slot.ts'
import { createSpares, type Spares } from './spares.ts'

export interface HostSparesOptions {
  deps: HostDeps
  record: () => AppRecord
  slots: ReadonlyMap<number, Slot>
  balancer: Balancer
  reloads: Pick<Reloads, 'isUnderWay'>
  changed: () => void
}

export interface HostSpares extends Spares {
  /** None is started before that is over. */
  during<T>(command: Promise<T>): Promise<T>
  /** Wants none any more. Resolves when none is left. */
  close(): Promise<void>
}

export function createHostSpares(options: HostSparesOptions): HostSpares {
  const { deps, record, slots, balancer, reloads, changed } = options
  let commands = 0
  let isClosed = false

  const isActive = (): boolean =>
    [...slots.values()].some((slot) => !slot.runners().every(isAtRest))

  const isCalm = (): boolean =>
    commands === 0 && !reloads.isUnderWay() && [...slots.values()].every(isSettled)

  const spares = createSpares({
    ...deps,
    record,
    balancer,
    reportsDir: deps.home.reportsDir,
    sinksOf: (id) =>
      sinksOfInstance({
        app: record().key,
        id,
        logsDir: deps.home.logsDir,
        registry: deps.logFiles,
        clock: deps.clock,
        emit: deps.emit,
      }),
    demand: () => ({
      wanted: isClosed || !isActive() ? 0 : sparesOf(record().spec),
      mayStart: isCalm(),
    }),
    places() {
      const ready = [...slots.values()].map((slot) => slot.current().report())
      return ready.find(({ phase }) => phase === 'ready')?.listening ?? []
    },
    changed,
  })

  function update(): void {
    const { spare } = record().spec
    if (spare > 0 || spares.processes().length > 0) spares.update()
  }

  return {
    ...spares,
    update,
    async during(command) {
      commands += 1
      try {
        return await command
      } finally {
        commands -= 1
        update()
      }
    },
    close() {
      isClosed = true
      return spares.renew()
    },
  }
}

/** Others cannot share their port with a process that is to wait beside them. */
function sparesOf({ spare, mode, runtime, job }: AppSpec): number {
  return mode === 'cluster' && runtime === 'node' && job === undefined ? spare : 0
}

function isSettled(slot: Slot): boolean {
  const { phase } = slot.current().report()
  const isAlone = slot.runners().length === 1
  return isAlone && (phase === 'ready' || phase === 'unready' || isAtRest(slot.current()))
}
