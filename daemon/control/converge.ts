/** Carries out what `reconcile` decides, and tries again what failed. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import type { BootLine } from './boot-line.ts'
import { startBudgetMs, stopBudgetMs } from './budgets.ts'
import { desiredRunning } from './definitions.ts'
import type { Needs } from './dependencies/needs.ts'
import { pause } from './ownership.ts'
import { type Action, type ActualApp, reconcile } from './reconcile.ts'
import type { Store } from './store.ts'
import { supervisorIdOf } from './supervisor-id.ts'
import type { Supervisors } from './supervisors.ts'

export interface ConvergenceOptions {
  runDir: string
  clock: Clock
  log: Log
  store: Store
  supervisors: Supervisors
  needs: Needs
  bootLine: BootLine
  apply: (record: AppRecord) => void
}

/** Apps that are brought up at once; in the order of the list. */
const AT_ONCE = 4
const FIRST_RETRY_MS = 1000
const MAX_RETRY_MS = 60_000
/** For an app whose definition is not known any more. */
const DROP_MS = 120_000

/**
 * Takes over what runs.
 * @param desired the apps that are looked at @param actual what supervisors host
 */
export function converge(
  desired: readonly AppRecord[],
  actual: readonly ActualApp[],
  options: ConvergenceOptions,
): void {
  const { store, log } = options
  const { records, actions } = reconcile({
    desired,
    actual,
    isTrusted: store.isTrusted,
    supervisorOf: (key, spec) => supervisorIdOf(key, spec, options.runDir),
  })
  records.forEach(options.apply)
  store
    .saved()
    .catch((error: unknown) => log('state.not-saved', { message: (error as Error).message }))

  const byApp = new Map<string, Action[]>()
  for (const action of actions) byApp.set(action.key, [...(byApp.get(action.key) ?? []), action])
  const queue = [...byApp.values()]
  for (let worker = 0; worker < AT_ONCE; worker += 1) void work(queue, options)
}

async function work(queue: Action[][], options: ConvergenceOptions): Promise<void> {
  for (let actions = queue.shift(); actions !== undefined; actions = queue.shift()) {
    for (const action of actions) {
      // Starts have a line of their own, and some wait for another app first.
      if (action.type === 'start') void startInTurn(action, options)
      else await attemptUntilDone(action, options)
    }
  }
}

async function startInTurn(action: Action, options: ConvergenceOptions): Promise<void> {
  try {
    await options.needs.met(action.key, { patient: true })
  } catch {
    return // it was stopped or deleted meanwhile
  }
  await attemptUntilDone(action, options)
}

async function attemptUntilDone(action: Action, options: ConvergenceOptions): Promise<void> {
  if (!(await attempt(action, options))) void retry(action, options)
}

async function retry(action: Action, options: ConvergenceOptions): Promise<void> {
  for (let delayMs = FIRST_RETRY_MS; ; delayMs = Math.min(delayMs * 2, MAX_RETRY_MS)) {
    await pause(delayMs, options.clock)
    if (await attempt(action, options)) return
  }
}

async function attempt(action: Action, options: ConvergenceOptions): Promise<boolean> {
  const { log } = options
  try {
    log('reconcile', { action: action.type, app: action.key })
    await carryOut(action, options)
    return true
  } catch (error) {
    log('reconcile.failed', {
      action: action.type,
      app: action.key,
      message: (error as Error).message,
    })
    return false
  }
}

/** A command may have changed the app meanwhile: what it wants now counts. */
async function carryOut(action: Action, options: ConvergenceOptions): Promise<void> {
  const { store, supervisors, bootLine } = options
  const { key } = action
  const record = store.find(key)
  if (action.type === 'drop') {
    await supervisors.dropAt(action.supervisor, key, DROP_MS)
  } else if (record === undefined) {
    return
  } else if (action.type === 'put') {
    await supervisors.put(record)
  } else if (action.type === 'start') {
    await bootLine.boot(action.ids, async () => await startDesired(action, options))
  } else {
    const wanted =
      action.type === 'stop' ? desiredRunning(record) : record.slots.map(({ id }) => id)
    const ids = action.ids.filter((id) => !wanted.includes(id))
    if (ids.length === 0) return
    const method = action.type === 'stop' ? 'instances.stop' : 'instances.remove'
    await supervisors.call(record, method, { key, ids, by: 'command' }, stopBudgetMs(record.spec))
  }
}

/** Until each is ready, or has given up. */
async function startDesired(
  { key, ids }: Extract<Action, { type: 'start' }>,
  { store, supervisors }: ConvergenceOptions,
): Promise<void> {
  const record = store.find(key)
  const wanted = ids.filter((id) => record !== undefined && desiredRunning(record).includes(id))
  if (record === undefined || wanted.length === 0) return
  const params = { key, ids: wanted, wait: true, rollBack: false }
  await supervisors.call(record, 'instances.start', params, startBudgetMs(record.spec))
}
