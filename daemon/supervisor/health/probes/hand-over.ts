/** Gives connections of the supervisor's own to one instance, over its IPC channel. */

import { AGENT_COMMAND, type FromAgent } from '../../../../src/contract/agent.ts'
import type { StreamHandle } from '../../../balancer/native.ts'
import type { Child } from '../../instance/child.ts'

export interface HandOver {
  /** Resolves with whether the instance took it, at the latest when the process is gone. */
  deliver(key: string, handle: StreamHandle): Promise<boolean>
  receive(message: FromAgent): void
  /** The process is gone. */
  end(): void
}

/** More would queue up in the channel of an instance that does not read from it. */
const MAX_UNANSWERED = 3

export function createHandOver(child: Pick<Child, 'send'>): HandOver {
  const waiting = new Map<number, (accepted: boolean) => void>()
  // Below zero: the balancer counts its connections from one up, and ignores answers about others.
  let lastId = 0

  function answer(id: number, accepted: boolean): void {
    waiting.get(id)?.(accepted)
    waiting.delete(id)
  }

  return {
    async deliver(key, handle) {
      if (waiting.size >= MAX_UNANSWERED)
        throw new Error('it takes no connection: its event loop is blocked')
      lastId -= 1
      const id = lastId
      const accepted = new Promise<boolean>((resolve) => waiting.set(id, resolve))
      child.send({ cmd: AGENT_COMMAND, act: 'connection', id, key }, handle, (error) => {
        if (error !== null && error !== undefined) answer(id, false)
      })
      return accepted
    },
    receive(message) {
      if (message.act === 'ack' && message.id < 0) answer(message.id, message.accepted)
    },
    end() {
      for (const id of [...waiting.keys()]) answer(id, false)
    },
  }
}
