/** The edge of a rollout: feeds its machine from the clock and the new instances, and carries out its decisions. */

import type { Monotonic } from '../../../src/contract/units.ts'
import type { Clock } from '../../kernel/clock.ts'
import {
  beginRollout,
  type Failure,
  nextRolloutDeadline,
  type Rollout,
  type RolloutEffect,
  type RolloutEvent,
  type RolloutPlan,
  type RolloutResult,
  stepRollout,
} from './machine.ts'

export interface RolloutEnd {
  result: RolloutResult
  replaced: number
  failure: Failure | undefined
}

export interface ConductOptions {
  plan: RolloutPlan
  clock: Clock
  carryOut: (effect: RolloutEffect) => void
}

export interface Conducted {
  send(event: RolloutEvent): void
  ended: Promise<RolloutEnd>
}

export function conductRollout({ plan, clock, carryOut }: ConductOptions): Conducted {
  let rollout: Rollout
  let timer: Disposable | undefined
  const queue: (() => [Rollout, RolloutEffect[]])[] = []
  let stepping = false
  let finish: (end: RolloutEnd) => void
  const ended = new Promise<RolloutEnd>((resolve) => {
    finish = resolve
  })

  function enqueue(step: () => [Rollout, RolloutEffect[]]): void {
    queue.push(step)
    // An effect may bring the next event at once: a spawn that fails.
    if (stepping) return
    stepping = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [stepped, effects] = next()
      rollout = stepped
      for (const effect of effects) carryOut(effect)
    }
    stepping = false
    arm()
  }

  function arm(): void {
    timer?.[Symbol.dispose]()
    timer = undefined
    if (rollout.phase === 'ended') {
      finish({
        result: rollout.result,
        replaced: rollout.replaced.length,
        failure: rollout.failure,
      })
      return
    }
    const deadline: Monotonic | undefined = nextRolloutDeadline(rollout)
    if (deadline !== undefined) timer = clock.at(deadline, () => send({ type: 'tick' }))
  }

  function send(event: RolloutEvent): void {
    enqueue(() => stepRollout(rollout, event, clock.now()))
  }

  enqueue(() => beginRollout(plan))
  return { send, ended }
}
