/** The agent's end of the IPC channel. */

import { AGENT_COMMAND, type FromAgent, type ToAgent } from '../../src/contract/agent.ts'
import { takeRawHandles } from './raw-handles.ts'

type Without<T, K extends string> = T extends unknown ? Omit<T, K> : never
export type Told = Without<FromAgent, 'cmd'>
type Act = ToAgent['act']
type Heard<A extends Act> = Extract<ToAgent, { act: A }>

export interface Channel {
  send(message: Told, handle?: object): void
  /** The most frequent message, without the cost of `send`. */
  acknowledge(id: number, accepted: boolean, open: number): void
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

interface Message {
  cmd?: unknown
  act?: unknown
  raw?: unknown
}

type Send = (message: unknown, handle: unknown, options: object) => boolean

const SWALLOW = { swallowErrors: true }

export function openChannel(): Channel {
  // Taken now: an app may replace process.send.
  const sendByNode = process.send?.bind(process) as Send | undefined
  const heard = new Map<unknown, (message: never, handle: object | undefined) => void>()
  const control = process.channel as Counted | undefined
  const receive = (message: Message, handle: object | undefined): void =>
    heard.get(message.act)?.(message as never, handle)
  const raw = takeRawHandles(receive)

  // Listeners of 'internalMessage' do not keep a process alive; those of 'message' do.
  process.on('internalMessage' as never, (message: Message, handle: object | undefined) => {
    if (message.cmd !== AGENT_COMMAND) return
    receive(message, message.raw === undefined ? handle : raw?.next())
  })

  function send(message: Told, handle?: object): void {
    if (process.connected) sendByNode?.({ cmd: AGENT_COMMAND, ...message }, handle, SWALLOW)
  }

  if (raw !== undefined) send({ act: 'takes-raw' })

  return {
    send,
    acknowledge(id, accepted, open) {
      const line = `{"cmd":"${AGENT_COMMAND}","act":"ack","id":${id},"accepted":${accepted},"open":${open}}\n`
      if (!process.connected || raw?.write(line) === true) return
      send({ act: 'ack', id, accepted, open })
    },
    on: (act, run) => void heard.set(act, run as never),
    isOpen: () => process.connected,
    hold: () => control?.refCounted?.(),
    letGo: () => control?.unrefCounted?.(),
  }
}
