/** `app.start`. */

import type { AppOutcome, DaemonApi } from '../../../src/contract/api.ts'
import { type AppRecord, type AppSpec, isScheduledJob } from '../../../src/contract/app.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import { newRecord } from '../../../src/contract/new-record.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { Control } from '../control.ts'
import { checkCron } from '../cron.ts'
import { desiredRunning, freeKey, redefine, withDesired } from '../definitions.ts'
import { checkNeeds } from '../dependencies/needs.ts'
import { isActive } from '../instance-cache.ts'
import { checkSlots, readPortFacts } from '../slot-ports.ts'
import { idsOf } from '../state-format.ts'
import { redefineApp } from './redefine.ts'
import { allWith, hasFailed } from './selected.ts'
import { startInstances } from './start-instances.ts'

export function startMethods(control: Control): Pick<Implementation<DaemonApi>, 'app.start'> {
  const { store, supervisors, instances, clock } = control

  async function startNew(spec: AppSpec, wait: boolean): Promise<AppOutcome> {
    const key = freeKey(spec.name, new Set(store.apps().map((app) => app.key)))
    const record = newRecord(key, spec, store.allocateId, clock.wall())
    // An id is given again once the list was empty: nothing of its former owner is to be shown.
    for (const { id } of record.slots) instances.remove(id)
    control.apply(record)
    // Both to their end: what is on its way to a supervisor is not to be forgotten since the disk is full.
    const [started, saved] = await Promise.allSettled([startAll(record, wait), store.saved()])
    if (started.status === 'rejected') {
      if (!supervisors.hosts(key)) await undo(key)
      throw started.reason
    }
    if (saved.status === 'rejected') throw saved.reason
    return { app: key, name: spec.name, outcomes: started.value }
  }

  /** It could not even be handed to a supervisor: nothing half-started stays. */
  async function undo(key: string): Promise<void> {
    control.forget(key)
    await store.saved().catch(() => undefined) // the first error is the one to tell
  }

  /** All or nothing: when one is not ready, all are stopped, and stay so after a boot. */
  async function startAll(record: AppRecord, wait: boolean): Promise<InstanceOutcome[]> {
    const { key, spec } = record
    const ids = desiredRunning(record)
    if (ids.length === 0) return allWith(record, idsOf(record), 'stopped')
    if (isScheduledJob(spec)) return allWith(record, ids, 'scheduled')
    const rollBack = spec.job === undefined
    const outcomes = await startInstances(control, record, ids, { wait, rollBack })
    const current = store.find(key)
    if (hasFailed(outcomes) && current !== undefined) {
      control.apply(withDesired(current, ids, 'stopped'))
      await store.saved()
    }
    return outcomes
  }

  const isRunning = (record: AppRecord): boolean => instances.of(record).some(isActive)

  /** `start` of a script that is there, stopped: PM2 starts it again. */
  async function startAgain(record: AppRecord, spec: AppSpec, wait: boolean): Promise<AppOutcome> {
    const { record: next, removed } = redefine(record, spec, store.allocateId)
    const all = next.slots.map(({ id }) => id)
    const wanted = withDesired(next, all, spec.autostart ? 'running' : 'stopped')
    await redefineApp(control, record, wanted, removed)
    control.watchers.resume(record.key)
    const outcomes = await startAll(wanted, wait)
    await store.saved()
    return { app: record.key, name: spec.name, outcomes }
  }

  /** Apps of a file are asked for side by side, and their ids are in the order of the file. */
  let turn: Promise<void> = Promise.resolve()
  function checkedInTurn(spec: AppSpec): Promise<void> {
    const checked = checkCron(spec)
    turn = Promise.allSettled([turn, checked]).then(() => undefined)
    return turn.then(() => checked)
  }

  return {
    async 'app.start'({ spec, force, wait }) {
      await checkedInTurn(spec)
      checkNeeds(spec, store.apps(), { mustBeThere: true })
      const namesakes = store.apps().filter((record) => record.spec.name === spec.name)
      const others = store.apps().filter((record) => force || !namesakes.includes(record))
      const { slotBase } = (force ? undefined : namesakes[0]) ?? {}
      checkSlots({ spec, count: spec.instances, slotBase, others }, readPortFacts)
      if (force || namesakes.length === 0)
        return { ...(await startNew(spec, wait)), restarted: false }

      const again = namesakes.find((record) => isSameProgram(record.spec, spec))
      if (again === undefined || namesakes.some(isRunning))
        throw appExists(spec, again !== undefined)
      return { ...(await startAgain(again, spec, wait)), restarted: true }
    },
  }
}

function isSameProgram(a: AppSpec, b: AppSpec): boolean {
  return a.script === b.script && a.command === b.command
}

function appExists({ name }: AppSpec, isSame: boolean): LbmError {
  const hint = `restart it: lbm restart ${name}; or start one more: --force, or --name with another name`
  const what = isSame ? 'runs already' : 'is there already, with another script'
  return new LbmError('APP_EXISTS', `An app called "${name}" ${what}.`, { hint })
}
