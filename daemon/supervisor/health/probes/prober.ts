/** The edge of the probes of one process. */

import type { ProbeSpec } from '../../../../src/contract/app.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { type Attempt } from './attempt.ts'
import {
  beginProbing,
  nextProbeAt,
  type ProbeKind,
  type ProbePlan,
  type ProbingEffect,
  type ProbingEvent,
  stepProbing,
} from './machine.ts'

export type ProbeOutcome = Exclude<ProbingEffect, { type: 'run' }>

export interface ProberOptions {
  plan: ProbePlan
  clock: Clock
  attempt: (probe: ProbeSpec, ended: AbortSignal) => Promise<Attempt>
  onOutcome: (outcome: ProbeOutcome) => void
  /** What is wrong, while nothing has come of it yet; undefined when it is well. */
  onComplaint: (kind: ProbeKind, message: string | undefined) => void
}

export interface Prober extends Disposable {
  listening(): void
  /** The instance counts as ready. */
  ready(): void
}

export function startProber({
  plan,
  clock,
  attempt,
  onOutcome,
  onComplaint,
}: ProberOptions): Prober {
  let probing = beginProbing(plan, clock.now())
  let timer: Disposable | undefined
  const ended = new AbortController()

  function send(event: ProbingEvent): void {
    if (ended.signal.aborted) return
    const [next, effects] = stepProbing(probing, event, plan, clock.now())
    probing = next
    timer?.[Symbol.dispose]()
    const at = nextProbeAt(probing)
    if (at !== undefined) timer = clock.at(at, () => send({ type: 'tick' }))
    for (const effect of effects) {
      if (effect.type === 'run') run(effect.kind)
      else onOutcome(effect)
    }
  }

  function run(kind: ProbeKind): void {
    const probe = plan[kind]
    if (probe === undefined) return
    void attempt(probe, ended.signal).then(({ ok, message }) => {
      if (ended.signal.aborted) return
      onComplaint(kind, ok ? undefined : message)
      send({ type: 'result', kind, ok, message })
    })
  }

  send({ type: 'tick' })
  return {
    listening: () => send({ type: 'listening' }),
    ready: () => send({ type: 'ready' }),
    [Symbol.dispose]() {
      timer?.[Symbol.dispose]()
      ended.abort()
    },
  }
}
