/** The agent's end of the IPC channel. */

import { AGENT_COMMAND, type FromAgent, type ToAgent } from '../../src/contract/agent.ts'

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never
export type Told = Without<FromAgent, 'cmd'>
type Act = ToAgent['act']
type Heard<A extends Act> = Extract<ToAgent, { act: A }>

export interface Channel {
  send(message: Told, handle?: object): void
  on<A extends Act>(act: A, run: (message: Heard<A>, handle: object | undefined) => void): void
  isOpen(): boolean
  /** The process stays alive while an answer is awaited; else a script that only waits for `listen` would end. */
  hold(): void
  letGo(): void
}

interface Counted {
  refCounted?(): void
  unrefCounted?(): void
}

const SWALLOW = { swallowErrors: true }

export function openChannel(): Channel {
  // Taken now: an app may replace process.send.
  const send = process.send?.bind(process) as
    | ((message: unknown, handle: unknown, options: object) => boolean)
    | undefined
  const heard = new Map<string, (message: never, handle: object | undefined) => void>()
  const control = process.channel as Counted | undefined

  // Listeners of 'internalMessage' do not keep a process alive; those of 'message' do.
  process.on(
    'internalMessage' as never,
    (message: { cmd?: unknown; act?: unknown }, handle: object | undefined) => {
      if (message.cmd === AGENT_COMMAND)
        heard.get(message.act as string)?.(message as never, handle)
    },
  )

  return {
    send(message, handle) {
      if (process.connected) send?.({ cmd: AGENT_COMMAND, ...message }, handle, SWALLOW)
    },
    on: (act, run) => void heard.set(act, run as never),
    isOpen: () => process.connected,
    hold: () => control?.refCounted?.(),
    letGo: () => control?.unrefCounted?.(),
  }
}
