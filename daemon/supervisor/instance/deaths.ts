/** The ends of an instance's processes: put on record at once, told when their output is read. */

import { recordDeath, tellDeath } from './death-record.ts'
import type { RunnerFacts, RunnerLine } from './runner-facts.ts'
import type { Effect } from './state.ts'

export interface Deaths {
  note(effect: Extract<Effect, { type: 'died' }>): void
  /** Resolves when the last one can be quoted. */
  told(): Promise<unknown>
}

export function createDeaths(facts: RunnerFacts, line: RunnerLine): Deaths {
  const { options } = facts
  const { id, generation, clock, oom, wellRuns } = options
  let lastOutput: Promise<unknown> = Promise.resolve()

  return {
    note(effect) {
      const dead = facts.process
      facts.process = undefined
      facts.listening = []
      const exit = recordDeath(effect, dead, { clock, oom, generation, notes: facts.notes })
      facts.lastExit = exit
      options.deaths.add(exit)
      // The restart does not wait for the pipes; what is told of the death does.
      lastOutput = tellDeath(exit, dead, { wellRuns, spec: facts.spec }).then((told) => {
        if (facts.lastExit === exit) facts.lastExit = told
        options.deaths.replace(exit, told)
        line.announce({
          type: 'instance.exited',
          id,
          number: facts.number,
          exit: told,
          willRestartInMs: effect.restartInMs,
        })
        line.publish()
      })
    },
    told: () => lastOutput,
  }
}
