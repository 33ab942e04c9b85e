/** What is told of an instance. */

import type { InstanceState as InstanceReport } from '../../../src/contract/instance.ts'
import type { RunnerFacts } from './runner-facts.ts'
import { statsOf } from './running-process.ts'

export function reportOf(facts: RunnerFacts): InstanceReport {
  const { options, instance, process, spec, number, axm } = facts
  const { app, id, generation } = options
  const { state, counters } = instance
  const deaths = options.deaths.list()
  // Of a younger generation that failed beside it nothing is its own.
  const last = deaths.find((death) => (death.generation ?? 0) <= generation)
  const spares = options.spares.report()
  const told = [
    ...facts.notes,
    ...(process?.health.notes() ?? []),
    ...(spec.spare > 0 && spares.note !== undefined ? [spares.note] : []),
  ]
  const stats = process === undefined ? undefined : statsOf(process, options.balancer)
  return {
    id,
    app,
    number,
    generation,
    phase: state.phase === 'ready' && !state.inRotation ? 'unready' : state.phase,
    ...(state.phase === 'starting' && state.quietReadyAt !== undefined ? { settling: true } : {}),
    pid: process?.child.pid ?? 0,
    pidStart: process?.child.pidStart ?? 0,
    startedAt: facts.startedAt,
    createdAt: facts.createdAt,
    restarts: counters.restarts,
    unstableRestarts: counters.unstableRestarts,
    quickDeaths: counters.quickDeaths,
    listening: facts.listening,
    ...(spec.spare > 0 ? { spares: spares.views } : {}),
    notes: state.phase === 'errored' ? [...told, state.message] : told,
    ...axm,
    ...(spec.leader ? { leader: options.leaders.isLeader(process?.memberId) } : {}),
    ...(spec.nodeVersion === undefined ? {} : { nodeVersion: spec.nodeVersion }),
    ...(last === undefined ? {} : { lastExit: last }),
    ...(deaths.length === 0 ? {} : { deaths }),
    ...(stats === undefined ? {} : { balance: stats }),
  }
}
