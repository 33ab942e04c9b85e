/** Makes the slots of an app: gives each its log files, its pid file and what its runners need. */

import type { AppRecord, SlotRecord } from '../../src/contract/app.ts'
import type { InstanceState as InstanceReport } from '../../src/contract/instance.ts'
import { pidFileOf } from '../../src/contract/log-files.ts'
import type { Balancer } from '../balancer/port.ts'
import type { HostDeps } from './app-host-port.ts'
import type { WellRuns } from './health/deaths/well-runs.ts'
import type { RunnerOptions } from './instance/runner-port.ts'
import { sinksOfInstance } from './logs/sinks-of-instance.ts'
import { createSlot, type Slot, type SlotOptions } from './slot.ts'

export interface SlotMakerOptions {
  deps: HostDeps
  record: () => AppRecord
  balancer: Balancer
  wellRuns: WellRuns
  leaders: RunnerOptions['leaders']
  spares: RunnerOptions['spares']
  on: Pick<SlotOptions, 'replace' | 'changed' | 'risingChanged' | 'othersChanged'>
}

export function slotMaker({
  deps,
  record,
  balancer,
  wellRuns,
  leaders,
  spares,
  on,
}: SlotMakerOptions): (slot: SlotRecord, known: InstanceReport | undefined) => Slot {
  const { agentPath, shell, pipes, clock, random, nextMemberId, oom, notify, home, hooks } = deps
  const { key } = record()
  const basics: SlotOptions['basics'] = {
    app: key,
    agentPath,
    shell,
    pipes,
    clock,
    random,
    balancer,
    nextMemberId,
    oom,
    wellRuns,
    notify,
    leaders,
    spares,
    reportsDir: home.reportsDir,
    emit(event) {
      deps.emit(event)
      hooks.fire(record().spec, event)
    },
  }

  return (slot, known) => {
    const { id } = slot
    const { spec, listens } = record()
    return createSlot({
      record: slot,
      spec,
      listens,
      known,
      sinks: sinksOfInstance({
        app: key,
        id,
        logsDir: home.logsDir,
        registry: deps.logFiles,
        clock,
        emit: deps.emit,
      }),
      pidFileOf: (ofSpec) => pidFileOf(ofSpec, home.pidsDir, id),
      basics,
      ...on,
    })
  }
}
