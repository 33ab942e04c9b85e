/** The edge of one instance: carries out what the machine decides, and turns what happens into events. */

import { AGENT_COMMAND } from '../../../src/contract/agent.ts'
import type { EventBody } from '../../../src/contract/events.ts'
import type { ListeningAt } from '../../../src/contract/instance.ts'
import { createDeaths } from './deaths.ts'
import { createHearing } from './hearing.ts'
import { createLauncher } from './launcher.ts'
import { nextDeadline, stepInstance } from './machine.ts'
import { createOutcomes } from './outcomes.ts'
import { policyOf } from './policy.ts'
import { reportOf } from './report.ts'
import { newFacts, type RunnerLine } from './runner-facts.ts'
import type { Runner, RunnerOptions } from './runner-port.ts'
import type { Effect, Instance, InstanceEvent, InstancePolicy } from './state.ts'

export function createRunner(options: RunnerOptions): Runner {
  const { app, id, generation, clock, balancer } = options
  const facts = newFacts(options)
  let timer: Disposable | undefined
  const outcomes = createOutcomes(() => ({ id, number: facts.number }))
  const queue: InstanceEvent[] = []
  let stepping = false

  const announce = (body: EventBody): void =>
    options.emit({ v: 1, atMs: clock.wall(), app, ...body })
  const publish = (): void => options.changed(reportOf(facts))
  const line: RunnerLine = { send, announce, publish }
  const deaths = createDeaths(facts, line)
  const launcher = createLauncher(facts, line, createHearing(facts, line), (member) =>
    options.leaders.startsAs(runner, member),
  )

  // Beside the one that serves, a death is for the reload to answer, not for a restart.
  function policy(): InstancePolicy {
    const ofApp = policyOf(facts.spec, facts.listens)
    return facts.inService ? ofApp : { ...ofApp, autorestart: false }
  }

  function send(event: InstanceEvent): void {
    queue.push(event)
    // One event at a time: carrying out an effect may itself bring one.
    if (stepping) return
    stepping = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const before = facts.instance
      const [stepped, effects] = stepInstance(before, next, policy(), clock.now())
      facts.instance = stepped
      announceStop(before, stepped)
      followPhase(stepped)
      for (const effect of effects) carryOut(effect)
    }
    stepping = false
    armTimer()
    publish()
  }

  function armTimer(): void {
    timer?.[Symbol.dispose]()
    const deadline = nextDeadline(facts.instance)
    timer = deadline === undefined ? undefined : clock.at(deadline, () => send({ type: 'tick' }))
  }

  function announceStop({ state: before }: Instance, { state }: Instance): void {
    const ends = state.phase === 'draining' || state.phase === 'stopping'
    const ended = before.phase === 'draining' || before.phase === 'stopping'
    if (ends && !ended)
      announce({ type: 'instance.stopping', id, number: facts.number, by: state.by })
  }

  function followPhase({ state }: Instance): void {
    const { process } = facts
    if (state.phase === 'draining') process?.health.draining()
    else if (state.phase === 'stopping') process?.health.stopping()
    else if (state.phase === 'stopped' || state.phase === 'errored') launcher.closeNotifySocket()
  }

  function carryOut(effect: Effect): void {
    const { process, number } = facts
    switch (effect.type) {
      case 'spawn':
        launcher.start(effect)
        break
      case 'rotation':
        if (process?.run === effect.run)
          balancer.setInRotation(process.memberId, effect.inRotation && facts.inService)
        break
      case 'drain':
        drain(effect)
        break
      case 'stop-signal':
        if (process === undefined) neverStarted(effect.run)
        else process.child.askToStop()
        break
      case 'kill-tree':
        if (process === undefined) neverStarted(effect.run)
        else process.child.killTree()
        break
      case 'became-ready':
        becameReady(effect.note)
        break
      case 'died':
        deaths.note(effect)
        break
      case 'errored':
        announce({ type: 'instance.errored', id, number, message: effect.message })
        break
      case 'settle':
        outcomes.settle(effect, deaths.told(), () => facts.lastExit)
        break
    }
  }

  /** What was to be ended had not been spawned yet. */
  function neverStarted(run: number): void {
    send({ type: 'exited', run, code: null, signal: null, random: 0 })
  }

  function drain({ run, idleMs, timeoutMs }: Extract<Effect, { type: 'drain' }>): void {
    facts.process?.child.send(
      { cmd: AGENT_COMMAND, act: 'drain', idleMs, timeoutMs },
      undefined,
      (error) => {
        // A closed channel cannot answer; the stop signal ends what it had open.
        if (error !== null) send({ type: 'drained', run })
      },
    )
  }

  function becameReady(note: string | undefined): void {
    const { process, number, startedAt } = facts
    if (note !== undefined) facts.notes.push(note)
    balancer.sweep()
    if (process !== undefined) {
      process.proving = options.wellRuns.ready(process.spec)
      process.health.becameReady()
    }
    const readyAfterMs = clock.wall() - startedAt
    announce({ type: 'instance.ready', id, number, pid: process?.child.pid ?? 0, readyAfterMs })
  }

  const runner: Runner = {
    id,
    get number() {
      return facts.number
    },
    generation,
    send,
    nextOutcome: outcomes.next,
    report: () => reportOf(facts),
    owned() {
      const { child } = facts.process ?? {}
      const { restarts, unstableRestarts } = facts.instance.counters
      return {
        ...{ app, id, pid: child?.pid ?? 0, pidStart: child?.pidStart ?? 0 },
        ...{ restarts, unstableRestarts },
      }
    },
    adopt(change) {
      facts.spec = change.spec ?? facts.spec
      facts.listens = change.listens ?? facts.listens
      facts.number = change.number ?? facts.number
    },
    setInService(wanted) {
      facts.inService = wanted
      const { process } = facts
      const { state } = facts.instance
      if (process !== undefined)
        balancer.setInRotation(
          process.memberId,
          wanted && state.phase === 'ready' && state.inRotation,
        )
      process?.health.serviceChanged()
    },
    memberId: () => facts.process?.memberId,
    listeningAt(at) {
      facts.listening = [...facts.listening.filter((other) => !isSamePlace(other, at)), at]
      const { process } = facts
      if (process !== undefined) send({ type: 'listening', run: process.run })
    },
    closedAt(at) {
      facts.listening = facts.listening.filter((other) => !isSamePlace(other, at))
      publish()
    },
    bindFailed(text) {
      if (facts.process !== undefined) facts.process.bindFailure = text
      facts.notes.push(text)
      publish()
    },
    note(text) {
      if (facts.notes.includes(text)) return
      facts.notes.push(text)
      publish()
    },
    tellLeader(leader) {
      facts.process?.child.send({ cmd: AGENT_COMMAND, act: 'leader', leader })
      publish()
    },
    child: () => facts.process?.child,
    isSilent: () => facts.process?.health.isSilent() ?? false,
    async outputWritten() {
      await deaths.told()
    },
  }
  return runner
}

function isSamePlace(a: ListeningAt, b: ListeningAt): boolean {
  return a.address === b.address && a.port === b.port
}
