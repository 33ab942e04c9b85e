/** `lbm list --sort cpu:desc`. */

import { didYouMean, LbmError } from '../../contract/errors.ts'
import { type InstanceRow, STATUS_OF } from '../../contract/instance.ts'

const KEYS: Record<string, (view: InstanceRow) => number | string> = {
  name: (view) => view.name,
  namespace: (view) => view.namespace,
  id: (view) => view.id,
  pid: (view) => view.pid,
  cpu: (view) => view.cpuPercent,
  memory: (view) => view.memoryBytes,
  // The longest uptime has the earliest start; an instance that does not run has none.
  uptime: (view) => (view.pid === 0 ? -Infinity : -view.startedAt),
  status: (view) => STATUS_OF[view.phase],
  restarts: (view) => view.restarts,
}

/** @throws LbmError USAGE for a field or direction that is not there */
export function sortViews<Row extends InstanceRow>(views: readonly Row[], order: string): Row[] {
  const [field = '', direction = 'asc'] = order.split(':')
  const key = KEYS[field]
  if (key === undefined) {
    throw new LbmError('USAGE', `--sort: there is no field "${field}".`, {
      hint: didYouMean(field, Object.keys(KEYS)),
    })
  }
  if (direction !== 'asc' && direction !== 'desc') {
    throw new LbmError('USAGE', `--sort: the direction is asc or desc, not "${direction}".`)
  }
  const sign = direction === 'asc' ? 1 : -1
  return views.toSorted((a, b) => sign * compare(key(a), key(b)) || a.id - b.id)
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
