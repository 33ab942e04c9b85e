/** `state.save` and `state.resurrect`: PM2's habit of a list that is kept by hand. */

import { readFile } from 'node:fs/promises'

import type { DaemonApi } from '../../../src/contract/api.ts'
import { type AppRecord, isScheduledJob } from '../../../src/contract/app.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import { newRecord } from '../../../src/contract/new-record.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import { writeFileAtomic } from '../../kernel/atomic-file.ts'
import type { Control } from '../control.ts'
import { desiredRunning } from '../definitions.ts'
import { formatRecord, formatState, parseState } from '../state-format.ts'
import { allWith, forEachApp } from './selected.ts'
import { startInstances } from './start-instances.ts'

export function savedListMethods(
  control: Control,
): Pick<Implementation<DaemonApi>, 'state.save' | 'state.clear' | 'state.resurrect'> {
  const { store, instances, clock, home } = control

  /** As it was saved, under new ids. */
  function revive(saved: AppRecord): AppRecord {
    const fresh = newRecord(saved.key, saved.spec, store.allocateId, clock.wall())
    const slots = fresh.slots.map((slot, index) => ({
      ...slot,
      number: saved.slots[index]?.number ?? slot.number,
      desired: saved.slots[index]?.desired ?? slot.desired,
    }))
    for (const { id } of slots) instances.remove(id)
    // A job that had completed has done so, under whatever id.
    const runs = saved.runs?.flatMap((run) => {
      const slot = slots.find(({ number }) => number === run.number)
      return slot === undefined ? [] : [{ ...run, id: slot.id }]
    })
    return {
      ...fresh,
      slots,
      listens: saved.listens,
      ...(runs === undefined ? {} : { runs }),
      // A proxy knows the addresses.
      ...(saved.slotBase === undefined ? {} : { slotBase: saved.slotBase }),
    }
  }

  async function save(apps: readonly AppRecord[]): Promise<void> {
    const lines = apps.map((app) => formatRecord(app, control.lasting))
    try {
      await writeFileAtomic(home.saved, formatState(0, lines), { backup: `${home.saved}.bak` })
    } catch (error) {
      throw new LbmError(
        'OPERATION_FAILED',
        `The list could not be saved to ${home.saved}: ${(error as Error).message}`,
        {
          cause: error,
          hint: 'make room or mend the folder; the list saved before is still there',
        },
      )
    }
  }

  return {
    async 'state.save'({ force }) {
      const apps = store.apps()
      // An empty list saved by mistake is how people lose the good one.
      if (apps.length === 0 && !force) return { path: home.saved, apps: 0 }
      await save(apps)
      return { path: home.saved, apps: apps.length }
    },

    async 'state.clear'() {
      await save([])
      return { path: home.saved }
    },

    async 'state.resurrect'({ wait }) {
      const saved = await readSaved(home.saved)
      const isThere = new Set(store.apps().map(({ key }) => key))
      const records = saved.filter(({ key }) => !isThere.has(key)).map(revive)
      records.forEach(control.apply)
      const selections = records.map((record) => ({
        record,
        ids: record.slots.map(({ id }) => id),
      }))
      const apps = await forEachApp(control, selections, async ({ record, ids }) => {
        const { spec } = record
        const running = desiredRunning(record)
        const others = allWith(
          record,
          ids.filter((id) => !running.includes(id)),
          'stopped',
        )
        if (running.length === 0) return others
        if (isScheduledJob(spec)) return [...allWith(record, running, 'scheduled'), ...others]
        const outcomes = await startInstances(control, record, running, { wait, rollBack: false })
        return [...outcomes, ...others]
      })
      return { apps }
    },
  }
}

async function readSaved(path: string): Promise<readonly AppRecord[]> {
  let lastProblem = 'it is not there'
  for (const file of [path, `${path}.bak`]) {
    const text = await readFile(file, 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const read = parseState(file, text)
    if ('state' in read) return read.state.apps
    lastProblem = read.problems.join('; ')
  }
  throw new LbmError('STATE_UNREADABLE', `Cannot read the saved list ${path}: ${lastProblem}.`, {
    hint: 'save one with: lbm save',
  })
}
