/** Which hooks an event sets off. Pure. */

import type { AppSpec, HookSpec } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import type { ExitReason } from '../../../src/contract/instance.ts'
import { isFailure } from '../instance/exit-reason.ts'

/** As the user writes it, too. */
export type HookName = 'on_ready' | 'on_crash' | 'on_exit'

export interface ChosenHook {
  name: HookName
  hook: HookSpec
}

export function chooseHooks({ hooks }: Pick<AppSpec, 'hooks'>, event: LbmEvent): ChosenHook[] {
  if (event.type === 'instance.ready') return given('on_ready', hooks.onReady)
  if (event.type !== 'instance.exited') return []
  const crash = isCrash(event.exit) ? given('on_crash', hooks.onCrash) : []
  return [...crash, ...given('on_exit', hooks.onExit)]
}

function given(name: HookName, hook: HookSpec | undefined): ChosenHook[] {
  return hook === undefined ? [] : [{ name, hook }]
}

/** One that had to leave for its memory, but in good order, is nothing to be woken for. */
function isCrash(exit: ExitReason): boolean {
  return isFailure(exit) && (exit.requestedBy !== 'memory' || exit.signal === 'SIGKILL')
}
