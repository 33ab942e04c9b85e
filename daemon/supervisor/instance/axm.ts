/** What an app says of itself in @pm2/io's messages: actions that may be triggered, and figures. */

import type { InstanceState } from '../../../src/contract/instance.ts'

export type Axm = Pick<InstanceState, 'axmActions' | 'axmMonitor'>

export const NO_AXM: Axm = { axmActions: [], axmMonitor: {} }

export function isAxmMessage(message: unknown): message is { type: string; data: object } {
  if (typeof message !== 'object' || message === null) return false
  const { type, data } = message as { type?: unknown; data?: unknown }
  return (
    typeof type === 'string' && type.startsWith('axm:') && typeof data === 'object' && data !== null
  )
}

/** @returns undefined when the message changes nothing */
export function axmAfter({ axmActions, axmMonitor }: Axm, message: unknown): Axm | undefined {
  if (!isAxmMessage(message)) return undefined
  if (message.type === 'axm:monitor')
    return { axmActions, axmMonitor: { ...axmMonitor, ...message.data } }
  if (message.type !== 'axm:action') return undefined
  const action = message.data as Axm['axmActions'][number]
  const others = axmActions.filter((known) => known.action_name !== action.action_name)
  return { axmActions: [...others, action], axmMonitor }
}
