/** Messages that apps send by `process.send`: the `axm:` ones of @pm2/io are answered, the rest is passed on. */

import type { InstanceState } from '../../src/contract/instance.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { Runner } from './instance/runner.ts'

export interface Reply {
  id: number
  value: unknown
}

export interface AppMessages {
  /** Looks at a message of an instance. */
  receive(runner: Runner, message: unknown): void
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
    receive(runner, message) {
      if (!isTyped(message)) return
      const { type, data } = message
      if (type === 'axm:action') {
        const action = data as InstanceState['axmActions'][number]
        const others = runner
          .report()
          .axmActions.filter((known) => known.action_name !== action.action_name)
        runner.setAxm({ axmActions: [...others, action] })
      } else if (type === 'axm:monitor') {
        runner.setAxm({ axmMonitor: { ...runner.report().axmMonitor, ...(data as object) } })
      } else if (type === 'axm:reply') {
        const { action_name: action, return: value } = data as {
          action_name?: string
          return?: unknown
        }
        for (const wait of waiting)
          if (wait.id === runner.id && wait.action === action) wait.answer(value)
      }
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

function isTyped(message: unknown): message is { type: string; data: unknown } {
  return (
    typeof message === 'object' &&
    message !== null &&
    'type' in message &&
    typeof message.type === 'string' &&
    'data' in message &&
    typeof message.data === 'object' &&
    message.data !== null
  )
}
