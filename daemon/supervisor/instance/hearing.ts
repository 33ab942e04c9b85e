/** What a process says, as events of its instance. */

import type { FromAgent } from '../../../src/contract/agent.ts'
import type { InstanceBalance } from '../../../src/contract/instance.ts'
import type { NativeHandle } from '../../balancer/port.ts'
import { axmAfter } from './axm.ts'
import type { RunnerFacts, RunnerLine } from './runner-facts.ts'
import { type RunningProcess, statsOf } from './running-process.ts'
import type { Run } from './state.ts'

/** A timer that is less late than this comes and goes in a process that does nothing. */
const DELAY_STEP_MS = 10

export interface Hearing {
  fromAgent(run: Run, message: FromAgent, handle: NativeHandle | undefined): void
  fromApp(run: Run, message: unknown): void
}

export function createHearing(facts: RunnerFacts, line: RunnerLine): Hearing {
  const { balancer, leaders, id } = facts.options

  /** At rest nothing changes, and nothing is sent. */
  function publishStats(reporting: RunningProcess): void {
    const stats = inSteps(statsOf(reporting, balancer))
    if (stats === reporting.stats) return
    reporting.stats = stats
    line.publish()
  }

  return {
    fromAgent(run, message, handle) {
      const { process } = facts
      if (process?.run !== run) return
      balancer.receive(process.memberId, message, handle)
      process.health.receive(message)
      if (message.act === 'loaded' && facts.instance.state.phase === 'starting')
        line.send({ type: 'loaded', run })
      else if (message.act === 'drained') line.send({ type: 'drained', run })
      else if (message.act === 'renounced') leaders.renounced(process.memberId)
      else if (message.act === 'fault') process.fault = message
      else if (message.act === 'report') publishStats(process)
    },
    fromApp(run, message) {
      const { process } = facts
      if (process?.run === run) {
        if (message === 'ready') process.health.saidReady()
        const said = axmAfter(facts.axm, message)
        if (said !== undefined) {
          facts.axm = said
          line.publish()
        }
      }
      line.announce({ type: 'instance.message', id, message })
    },
  }
}

function inSteps(stats: InstanceBalance | undefined): string {
  if (stats === undefined) return ''
  return JSON.stringify({ ...stats, loopDelayMs: Math.round(stats.loopDelayMs / DELAY_STEP_MS) })
}
