/** The keep-alive of sd_notify(3): a program that has once sent `WATCHDOG=1` must go on sending it. */

import { formatDuration } from '../../../../src/contract/units.ts'
import { after, type Clock } from '../../../kernel/clock.ts'
import type { Notification } from './notification.ts'

export interface Watchdog extends Disposable {
  receive(notification: Notification): void
}

/** @param timeoutMs 0: off, until the program itself sets a time */
export function createWatchdog(
  timeoutMs: number,
  clock: Clock,
  onFailed: (message: string) => void,
): Watchdog {
  let allowedMs = timeoutMs
  let isAwaited = false
  let timer: Disposable | undefined

  function arm(): void {
    timer?.[Symbol.dispose]()
    if (!isAwaited || allowedMs === 0) return
    timer = clock.at(after(clock.now(), allowedMs), () =>
      onFailed(`no WATCHDOG=1 for ${formatDuration(allowedMs)}`),
    )
  }

  return {
    receive({ watchdog, watchdogMs }) {
      allowedMs = watchdogMs ?? allowedMs
      if (watchdog === 'trigger') onFailed('it asked to be replaced (WATCHDOG=trigger)')
      if (watchdog === 'alive') isAwaited = true
      if (watchdog === 'alive' || watchdogMs !== undefined) arm()
    },
    [Symbol.dispose]: () => timer?.[Symbol.dispose](),
  }
}
