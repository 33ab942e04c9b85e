/** The ends of a daemon: with all that it manages, or alone. */

import { describeBug } from '../kernel/log.ts'
import { stopBudgetMs } from './budgets.ts'
import type { Control } from './control.ts'
import { isAlive } from './instance-cache.ts'
import type { Ending } from './methods/daemon.ts'

/** @param exit closes the socket, when answers under way are out, and ends the process */
export function createEnding(
  control: Control,
  exit: () => Promise<void>,
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
    await supervisors.shutDownAll(Math.max(0, ...records.map(({ spec }) => stopBudgetMs(spec))))
    return running
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

  function once(end: () => Promise<number>): Promise<number> {
    ended ??= end().finally(() => {
      // The answer to the command that asked for it goes out first.
      setImmediate(() => void exit())
    })
    return ended
  }

  return {
    hasBegun: () => ended !== undefined,
    kill: (forget) => once(() => stopAll(forget)),
    async leave() {
      await once(leaveAll)
    },
  }
}
