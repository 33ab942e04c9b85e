/** `app.startExisting`. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import type { InstanceState } from '../../../src/contract/instance.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { Control } from '../control.ts'
import { withDesired } from '../definitions.ts'
import { isActive } from '../instance-cache.ts'
import { isNamed, type Selection } from '../selectors.ts'
import { allWith, currentRecord, forEachApp, selectionsOf } from './selected.ts'
import { startInstances } from './start-instances.ts'

export function startExistingMethods(
  control: Control,
): Pick<Implementation<DaemonApi>, 'app.startExisting'> {
  const { instances } = control
  return {
    async 'app.startExisting'({ selectors, wait }) {
      // A job runs when it is meant, not when everything is started.
      const isMeant = ({ record }: Selection): boolean =>
        record.spec.job === undefined || isNamed(record, selectors)
      const selections = selectionsOf(control, selectors)
      const wanted = new Map(
        selections.filter(isMeant).map((selection) => [selection, startable(selection)] as const),
      )
      const beginning = new Map<Selection, Disposable>()
      // All of them first: one that another depends on is to be on its way when that one looks.
      for (const [selection, { ids }] of wanted) {
        if (ids.length === 0) continue
        const { record } = selection
        beginning.set(selection, control.needs.begins(record.key))
        control.apply(withDesired(currentRecord(control, record.key), ids, 'running'))
        control.watchers.resume(record.key)
      }
      const apps = await forEachApp(control, selections, async (selection) => {
        using _beginning = beginning.get(selection)
        const { record } = selection
        const { ids, serving, rollBack } = wanted.get(selection) ?? NOTHING
        const others = allWith(record, serving, 'ready')
        if (ids.length === 0) return others
        return [...others, ...(await startInstances(control, record, ids, { wait, rollBack }))]
      })
      return { apps }
    },
  }

  function startable({ record, ids }: Selection): Startable {
    const states = instances.of(record)
    const serving = states.filter(isServing).map(({ id }) => id)
    return {
      ids: ids.filter((id) => !serving.includes(id)),
      serving: ids.filter((id) => serving.includes(id)),
      rollBack: record.spec.job === undefined && !states.some(isActive),
    }
  }
}

interface Startable {
  ids: number[]
  serving: number[]
  rollBack: boolean
}

const NOTHING: Startable = { ids: [], serving: [], rollBack: false }

function isServing({ phase }: InstanceState): boolean {
  return phase === 'ready' || phase === 'unready'
}
