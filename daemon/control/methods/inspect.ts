/** `app.list`, `app.rows`, `app.describe`, `events.subscribe`: what there is. None of them waits for anything. */

import type { AppDetail, DaemonApi, DaemonNotifications } from '../../../src/contract/api.ts'
import type { AppRecord, AppSpec } from '../../../src/contract/app.ts'
import { unreadNames } from '../../../src/contract/env-references.ts'
import type { InstanceRow, InstanceView } from '../../../src/contract/instance.ts'
import { MASK, maskEnv } from '../../../src/contract/mask.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { RpcConnection } from '../../kernel/rpc-server.ts'
import type { Control } from '../control.ts'
import { evennessOf } from '../evenness.ts'
import { rowOf, viewOf } from '../instance-cache.ts'
import { selectionsOf } from './selected.ts'

type Methods = Pick<Implementation<DaemonApi>, 'app.list' | 'app.rows' | 'app.describe'>

export function inspectMethods(control: Control): Methods {
  const { store } = control
  return {
    'app.list'() {
      control.metrics.noteInterest()
      return { instances: store.apps().flatMap((record) => viewsOf(control, record).map(brief)) }
    },
    'app.rows'() {
      control.metrics.noteInterest()
      return { rows: store.apps().flatMap((record) => rowsOf(control, record)) }
    },
    'app.describe'({ selectors, reveal = false }) {
      control.metrics.noteInterest()
      const apps = selectionsOf(control, selectors).map(({ record, ids }): AppDetail => {
        const all = viewsOf(control, record)
        const instances = all.filter(({ id }) => ids.includes(id))
        const evenness = evennessOf(all)
        const nextRunMs = control.cron.nextRunMs(record.key)
        return {
          record: reveal ? record : maskRecord(record),
          instances,
          ...(nextRunMs === undefined ? {} : { nextRunMs }),
          ...(evenness === undefined ? {} : { evenness }),
        }
      })
      return { apps }
    },
  }
}

/** Events follow on the connection until it closes. @throws LbmError APP_NOT_FOUND */
export function subscribe(
  control: Control,
  selectors: readonly string[],
  { peer, closed }: RpcConnection,
): Record<string, never> {
  if (!selectors.includes('all')) selectionsOf(control, selectors)
  const subscription = control.hub.subscribe(selectors, (event: DaemonNotifications['event']) =>
    peer.notify('event', event),
  )
  void closed.then(() => subscription[Symbol.dispose]())
  return {}
}

function rowsOf({ instances, metrics, watchers }: Control, record: AppRecord): InstanceRow[] {
  const watching = watchers.statusOf(record)
  return instances
    .of(record)
    .map((state) => rowOf(record, state, metrics.usageOf(state.id, state.pid), watching))
}

function viewsOf(
  { instances, metrics, watchers, needs }: Control,
  record: AppRecord,
): InstanceView[] {
  const watching = watchers.statusOf(record)
  const missing = needs.waitingFor(record.key)
  return instances.of(record).map((state) => {
    const view = viewOf(record, state, metrics.usageOf(state.id, state.pid), watching)
    if (missing === undefined || state.phase !== 'starting') return view
    return { ...view, notes: [...view.notes, `waits for ${missing}`] }
  })
}

function maskRecord(record: AppRecord): AppRecord {
  const { spec, previous } = record
  return {
    ...record,
    spec: maskSpec(spec),
    ...(previous === undefined ? {} : { previous: maskSpec(previous) }),
  }
}

/** What is not stored is shown as there, and hidden. */
function maskSpec(spec: AppSpec): AppSpec {
  const unread = unreadNames(spec).map((name) => [name, MASK])
  return { ...spec, env: { ...maskEnv(spec.env), ...Object.fromEntries(unread) } as AppSpec['env'] }
}

/** What is asked for all day says nothing of deaths but the last one. */
function brief(view: InstanceView): InstanceView {
  const copy = { ...view }
  delete copy.deaths
  return copy
}
