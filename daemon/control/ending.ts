/** The ends of a daemon: with all that it manages, or alone. */

import type { AppRecord } from '../../src/contract/app.ts'
import { describeBug } from '../kernel/log.ts'
import { stopBudgetMs } from './budgets.ts'
import type { Control } from './control.ts'
import { dependentsFirst } from './dependencies/dependents-first.ts'
import { isAlive } from './instance-cache.ts'
import type { Ending } from './methods/daemon.ts'

/** How the process ended: with all that it managed, or alone. */
export type HowEnded = 'killed' | 'left'

/** @param exit closes the socket, when answers under way are out, and ends the process */
export function createEnding(
  control: Control,
  exit: (how: HowEnded) => Promise<void>,
): Ending & { hasBegun: () => boolean } {
  const { store, supervisors, instances, log } = control
  let ended: Promise<number> | undefined

  async function stopAll(forget: boolean): Promise<number> {
    const records = store.apps()
    const running = records.flatMap(instances.of).filter(isAlive).length
    control[Symbol.dispose]()
    // First, so that a power cut in the middle does not bring back what was to end.
    if (forget) store.clear()
    await saveOrLog()
    await stopInOrder(records)
    await supervisors.shutDownAll(Math.max(0, ...records.map(({ spec }) => stopBudgetMs(spec))))
    return running
  }

  /** Those that depend on others before those; the rest ends with its supervisor. */
  async function stopInOrder(records: readonly AppRecord[]): Promise<void> {
    if (records.every(({ spec }) => Object.keys(spec.dependsOn).length === 0)) return
    await dependentsFirst(
      records.filter(({ key }) => supervisors.hosts(key)),
      (record) => record,
      async (record) => {
        const { key, spec, slots } = record
        const params = { key, ids: slots.map(({ id }) => id), by: 'shutdown' as const }
        try {
          await supervisors.call(record, 'instances.stop', params, stopBudgetMs(spec))
        } catch (error) {
          log('app.not-stopped', { app: key, message: describeBug(error) })
        }
      },
    )
  }

  async function leaveAll(): Promise<number> {
    control[Symbol.dispose]()
    await saveOrLog()
    supervisors.leaveAll()
    return 0
  }

  async function saveOrLog(): Promise<void> {
    try {
      await store.saved()
    } catch (error) {
      log('state.not-saved', { message: describeBug(error) })
    }
  }

  function once(how: HowEnded, end: () => Promise<number>): Promise<number> {
    ended ??= end().finally(() => {
      // The answer to the command that asked for it goes out first.
      setImmediate(() => void exit(how))
    })
    return ended
  }

  return {
    hasBegun: () => ended !== undefined,
    kill: (forget) => once('killed', () => stopAll(forget)),
    async leave() {
      await once('left', leaveAll)
    },
  }
}
