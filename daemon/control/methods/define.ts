/** `app.define`: a definition that holds from now on, with the processes that there are. */

import type { DaemonApi } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { Control } from '../control.ts'
import { checkCron } from '../cron.ts'
import { checkNeeds } from '../dependencies/needs.ts'
import { currentRecord } from './selected.ts'

export function defineMethods(control: Control): Pick<Implementation<DaemonApi>, 'app.define'> {
  const { store, supervisors } = control
  return {
    async 'app.define'({ app, spec }) {
      await checkCron(spec)
      checkNeeds(spec, store.apps(), { mustBeThere: false })
      const record = currentRecord(control, app)
      const next = { ...record, spec: { ...spec, instances: record.slots.length } }
      if (spec.name !== record.spec.name || supervisors.idOf(next) !== supervisors.idOf(record)) {
        throw new LbmError('BAD_REQUEST', `"${app}" keeps its name and its mode without a reload.`)
      }
      control.apply(next)
      if (supervisors.hosts(app)) await supervisors.put(next)
      await store.saved()
      return {}
    },
  }
}
