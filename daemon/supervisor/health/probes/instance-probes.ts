/** Everything that says whether one process is ready and alive: its probes, and its own word. */

import type { FromAgent } from '../../../../src/contract/agent.ts'
import type { AppSpec } from '../../../../src/contract/app.ts'
import type { Clock } from '../../../kernel/clock.ts'
import type { Child } from '../../instance/child.ts'
import { attemptProbe, type ProbeTarget } from './attempt.ts'
import { createHandOver } from './hand-over.ts'
import { createKnownListeners, type KnownListeners } from './known-listeners.ts'
import type { ProbeKind, ProbePlan } from './machine.ts'
import { type ProbeOutcome, startProber } from './prober.ts'

export interface InstanceProbesOptions {
  spec: AppSpec
  child: Pick<Child, 'send'>
  /** Of the commands of `exec` probes. */
  env: NodeJS.ProcessEnv
  clock: Clock
  on: {
    ready: () => void
    /** The readiness probe fails, or with undefined succeeds again. */
    unready: (why: string | undefined) => void
    notAlive: (why: string) => void
    /** What the probe of that kind found wrong the last time. */
    complaint: (kind: ProbeKind, what: string | undefined) => void
  }
}

export interface InstanceProbes extends Disposable {
  receive(message: FromAgent): void
  /** The program says that it is ready. */
  saidReady(): void
  becameReady(): void
  /** No more questions; it is ending. */
  stop(): void
}

export function startInstanceProbes({
  spec,
  child,
  env,
  clock,
  on,
}: InstanceProbesOptions): InstanceProbes {
  const plan = planOf(spec)
  const isProbed = plan.startup !== undefined || plan.readiness !== undefined
  const listeners = createKnownListeners()
  const handOver = createHandOver(child)
  let hasSaidReady = false
  let hasSucceeded = false
  const target: ProbeTarget = {
    wayTo: wayFor(spec, listeners),
    deliver: handOver.deliver,
    expectsProxyHeader: spec.runtime === 'node' && spec.balance.proxyProtocol,
    commands: { cwd: spec.cwd, env, uid: spec.uid, gid: spec.gid },
  }

  const prober = startProber({
    plan,
    clock,
    attempt: (probe, ended) => attemptProbe(probe, target, clock, ended),
    onOutcome: takeOutcome,
    onComplaint: (kind, message) =>
      on.complaint(kind, message && `its ${kind} probe fails: ${message}`),
  })

  function takeOutcome(outcome: ProbeOutcome): void {
    switch (outcome.type) {
      case 'first-success':
        hasSucceeded = true
        // Where the app asks for its own word, too, both are needed.
        if (!spec.waitReady || hasSaidReady) on.ready()
        break
      case 'readiness':
        on.unready(outcome.ready ? undefined : `its readiness probe fails: ${outcome.message}`)
        break
      case 'failed':
        on.notAlive(`its ${outcome.kind} probe failed: ${outcome.message}`)
        break
    }
  }

  return {
    receive(message) {
      listeners.receive(message)
      handOver.receive(message)
      if (message.act === 'listening') prober.listening()
    },
    saidReady() {
      hasSaidReady = true
      if (!isProbed || hasSucceeded) on.ready()
    },
    becameReady: () => prober.ready(),
    stop: () => prober[Symbol.dispose](),
    [Symbol.dispose]() {
      prober[Symbol.dispose]()
      handOver.end()
    },
  }
}

function planOf({ startup, readiness, liveness }: AppSpec): ProbePlan {
  return {
    ...(startup === undefined ? {} : { startup }),
    ...(readiness === undefined ? {} : { readiness }),
    ...(liveness === undefined ? {} : { liveness }),
  }
}

/** A program without the agent does not tell where it listens; most are told by `PORT`. */
function wayFor({ runtime, env }: AppSpec, listeners: KnownListeners): ProbeTarget['wayTo'] {
  if (runtime === 'node') return (port) => listeners.wayTo(port)
  return (given) => {
    const port = given ?? Number(env['PORT'])
    return port > 0 ? { by: 'port', port } : undefined
  }
}
