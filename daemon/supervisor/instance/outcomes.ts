/** Who waits for a command to come out, and what they are told. */

import type { ExitReason } from '../../../src/contract/instance.ts'
import type { InstanceOutcome } from '../../../src/contract/supervisor.ts'
import type { Effect } from './state.ts'

type Settle = Extract<Effect, { type: 'settle' }>

export interface Outcomes {
  next(): Promise<InstanceOutcome>
  /** Answers those who wait now. `told` resolves when the last death can be quoted. */
  settle(effect: Settle, told: Promise<unknown>, lastExit: () => ExitReason | undefined): void
}

export function createOutcomes(who: () => { id: number; number: number }): Outcomes {
  let waiters: ((outcome: InstanceOutcome) => void)[] = []
  return {
    next: () => new Promise((resolve) => waiters.push(resolve)),
    settle(effect, told, lastExit) {
      const answered = waiters
      waiters = []
      const reply = (): void => {
        const outcome = { ...who(), ...outcomeOf(effect, lastExit()) }
        for (const answer of answered) answer(outcome)
      }
      if (effect.result === 'ready') reply()
      else void told.then(reply)
    },
  }
}

function outcomeOf(
  { result, message }: Settle,
  exit: ExitReason | undefined,
): Omit<InstanceOutcome, 'id' | 'number'> {
  const failed = result === 'failed' || result === 'timed-out'
  const hindrance = result === 'timed-out' ? exit?.message : undefined
  const told = hindrance === undefined ? message : `${message}: ${hindrance}`
  return {
    result,
    ...(message === undefined || told === undefined ? {} : { message: told }),
    ...(failed && exit !== undefined ? { exit } : {}),
  }
}
