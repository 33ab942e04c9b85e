/** Answers that apps give to messages: @pm2/io's `axm:reply`. */

import { after, type Clock } from '../kernel/clock.ts'
import { isAxmMessage } from './instance/axm.ts'
import type { Runner } from './instance/runner-port.ts'

export interface Reply {
  id: number
  value: unknown
}

export interface AppMessages {
  /** Looks at a message of the instance with this id. */
  receive(id: number, message: unknown): void
  /** Sends to each and gathers what they answer to `action` in time. */
  ask(
    runners: readonly Runner[],
    message: unknown,
    action: string,
    timeoutMs: number,
  ): Promise<Reply[]>
}

export function createAppMessages(clock: Clock): AppMessages {
  const waiting = new Set<{ id: number; action: string; answer: (value: unknown) => void }>()

  return {
    receive(id, message) {
      if (!isReply(message)) return
      const { action_name: action, return: value } = message.data
      for (const wait of waiting) if (wait.id === id && wait.action === action) wait.answer(value)
    },
    async ask(runners, message, action, timeoutMs) {
      const replies = await Promise.all(
        runners.map((runner) => askOne(runner, message, action, timeoutMs)),
      )
      return replies.filter((reply) => reply !== undefined)
    },
  }

  function askOne(
    runner: Runner,
    message: unknown,
    action: string,
    timeoutMs: number,
  ): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      const end = (reply: Reply | undefined): void => {
        waiting.delete(wait)
        timer[Symbol.dispose]()
        resolve(reply)
      }
      const wait = {
        id: runner.id,
        action,
        answer: (value: unknown) => end({ id: runner.id, value }),
      }
      const timer = clock.at(after(clock.now(), timeoutMs), () => end(undefined))
      waiting.add(wait)
      if (runner.child()?.post(message) !== true) end(undefined)
    })
  }
}

function isReply(
  message: unknown,
): message is { data: { action_name?: unknown; return?: unknown } } {
  return isAxmMessage(message) && message.type === 'axm:reply'
}
