/** One app in a supervisor: its instances, its listeners, its log files, and the commands on them. */

import { join } from 'node:path'

import type { AppRecord } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { InstanceState as InstanceReport, Requester } from '../../src/contract/instance.ts'
import type { InstanceOutcome } from '../../src/contract/supervisor.ts'
import type { AppHost, HostDeps } from './app-host-port.ts'
import { createCommands } from './commands.ts'
import { createWellRuns } from './health/deaths/well-runs.ts'
import { createHostBalancer, type Listener } from './host-balancer.ts'
import type { Runner } from './instance/runner-port.ts'
import { createLeaders } from './leadership/leaders.ts'
import { createReloads } from './rollout/reloads.ts'
import { slotMaker } from './slot-maker.ts'
import { isAtRest, type Slot } from './slot.ts'
import { createHostSpares } from './spares/spares-of-host.ts'
import { isSameProgram } from './spares/spares.ts'

export function createAppHost(
  first: AppRecord,
  known: readonly InstanceReport[],
  deps: HostDeps,
  how: { elects: boolean } = { elects: true },
): AppHost {
  const { key } = first
  let record = first
  let elects = how.elects
  const slots = new Map<number, Slot>()
  /** Ids of those that are on their way out. */
  const removing = new Set<number>()
  const allRunners = (): Runner[] => [...slots.values()].flatMap((slot) => slot.runners())
  const ofMember = (memberId: number): Listener | undefined =>
    allRunners().find((runner) => runner.memberId() === memberId) ?? spares.ofMember(memberId)

  const addresses = createHostBalancer({
    deps,
    record: () => record,
    ofMember,
    runners: allRunners,
    listens: learnThatItListens,
  })
  const { balancer } = addresses

  const reloads = createReloads({
    clock: deps.clock,
    app: key,
    emit: deps.emit,
    slot: (id) => slots.get(id),
    record: () => record,
    commit(spec) {
      record = { ...record, spec }
      for (const slot of slots.values()) slot.adopt({ spec })
      balancer.setSpec(spec.balance)
      addresses.update()
      leaders.update()
    },
  })

  const spares = createHostSpares({
    deps,
    record: () => record,
    slots,
    balancer,
    reloads,
    changed() {
      // Each tells of them.
      for (const slot of slots.values()) deps.changed(slot.current().report())
      deps.processesChanged()
    },
  })

  const leaders = createLeaders({
    isWanted: () => record.spec.leader && elects,
    runners: allRunners,
    isServing: (runner) => [...slots.values()].some((slot) => slot.current() === runner),
    elected: ({ id, number }) =>
      deps.emit({ v: 1, atMs: deps.clock.wall(), app: key, type: 'leader.elected', id, number }),
  })

  const wellRuns = createWellRuns({
    dir: join(deps.home.runDir, 'well'),
    app: key,
    clock: deps.clock,
    random: deps.random,
    log: deps.log,
  })

  function learnThatItListens(): void {
    if (record.listens) return
    record = { ...record, listens: true }
    for (const slot of slots.values()) slot.adopt({ listens: true })
    deps.listens(key)
  }

  const makeSlot = slotMaker({
    deps,
    record: () => record,
    balancer,
    wellRuns,
    leaders,
    spares,
    on: {
      replace: replaceServing,
      changed(report) {
        reloads.servingChanged(report)
        deps.changed(report)
        leaders.update()
        spares.update()
        releaseWhenAtRest()
      },
      risingChanged(report) {
        reloads.risingChanged(report)
        deps.processesChanged()
      },
      othersChanged() {
        deps.processesChanged()
        leaders.update()
        spares.update()
        releaseWhenAtRest()
      },
    },
  })

  /** A guard's request: a new one beside it first, since it still serves what it has. */
  async function replaceServing(serving: Runner, by: Requester, message: string): Promise<boolean> {
    const { id } = serving
    const child = serving.child()
    const { result } = await reloads.reload({
      by,
      message,
      ids: [id],
      supersede: false,
      isUrgent: true,
      // Another rollout, or its death, may have replaced it meanwhile.
      isWanted: () => slots.get(id)?.current() === serving && serving.child() === child,
    })
    return result === 'done'
  }

  /** A port belongs to the app while it runs; at rest others may have it. */
  function releaseWhenAtRest(): void {
    if (allRunners().every(isAtRest)) balancer.release()
  }

  function slotOf(id: number): Slot {
    const slot = slots.get(id)
    if (slot === undefined)
      throw new LbmError(
        'APP_NOT_FOUND',
        `App "${record.spec.name}" has no instance with id ${id}.`,
      )
    return slot
  }

  const runner = (id: number): Runner => slotOf(id).current()

  function put(next: AppRecord, knownReports: readonly InstanceReport[]): void {
    const isOther = !isSameProgram(record.spec, next.spec) || !hasSameSlots(record, next)
    record = { ...next, listens: next.listens || record.listens }
    if (isOther) void spares.renew()
    for (const slot of record.slots) {
      const existing = slots.get(slot.id)
      const { id } = slot
      const report = knownReports.find((one) => one.id === id)
      if (existing === undefined) slots.set(id, makeSlot(slot, report))
      else existing.adopt({ spec: record.spec, listens: record.listens, number: slot.number })
    }
    balancer.setSpec(record.spec.balance)
    addresses.update()
    spares.update()
    endForgotten()
  }

  /** A daemon that died, or lost its way here, may have deleted an app of this key and made another. */
  function endForgotten(): void {
    const wanted = new Set(record.slots.map(({ id }) => id))
    const forgotten = [...slots.keys()].filter((id) => !wanted.has(id) && !removing.has(id))
    if (forgotten.length === 0) return
    remove(forgotten, 'scale').catch((error: unknown) =>
      deps.log('instances.not-removed', { app: key, message: (error as Error).message }),
    )
  }

  const { start, stop, restart, reload } = createCommands({
    record: () => record,
    slots,
    runner,
    reloads,
    balancer,
    spares,
  })

  async function remove(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    for (const id of ids) removing.add(id)
    void spares.renew()
    const outcomes = await stop(ids, by)
    await Promise.all(
      ids.map(async (id) => {
        await slotOf(id).close()
        slots.delete(id)
        removing.delete(id)
        deps.removed(key, id)
      }),
    )
    record = { ...record, slots: record.slots.filter(({ id }) => !ids.includes(id)) }
    return outcomes
  }

  put(first, known)

  return {
    key,
    record: () => record,
    reports: () => [...slots.values()].map((slot) => slot.current().report()),
    runners: allRunners,
    spares: spares.processes,
    put,
    start,
    stop,
    restart,
    reload,
    abortReload: reloads.abort,
    remove,
    runner,
    sinks: () => [...slots.values()].flatMap((slot) => slot.sinks.all()),
    listeners: balancer.listeners,
    inherit: balancer.inherit,
    restoreFiles: balancer.restoreFiles,
    elect() {
      elects = true
      leaders.update()
    },
    renounce() {
      elects = false
      leaders.update()
      return leaders.vacant()
    },
    async close(by) {
      if (by === 'upgrade') addresses.leaveFiles()
      const gone = spares.close()
      const outcomes = await remove([...slots.keys()], by)
      await gone
      balancer.release()
      if (by === 'command') await wellRuns.forget()
      return outcomes
    },
  }
}

function hasSameSlots(a: AppRecord, b: AppRecord): boolean {
  const numbers = ({ slots }: AppRecord): string =>
    slots.map(({ id, number }) => `${id}:${number}`).join()
  return numbers(a) === numbers(b)
}
