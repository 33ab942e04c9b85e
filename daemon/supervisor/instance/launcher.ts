/** Starts the processes of an instance, or takes a spare that waits, and hears of each. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { Requester } from '../../../src/contract/instance.ts'
import type { NotifySocket } from '../health/notify/notify-hub.ts'
import type { SpareProcess } from '../spares/spare-process.ts'
import { NO_AXM } from './axm.ts'
import type { Hearing } from './hearing.ts'
import type { ProcessEvents } from './process-events.ts'
import type { RunnerFacts, RunnerLine } from './runner-facts.ts'
import { enlistProcess, releaseProcess, startRunningProcess } from './running-process.ts'
import type { Effect, Run } from './state.ts'
import { withWholeEnvironment } from './whole-environment.ts'

export interface Launcher {
  start(effect: Extract<Effect, { type: 'spawn' }>): void
  /** Nobody notifies any more. */
  closeNotifySocket(): void
}

export function createLauncher(
  facts: RunnerFacts,
  line: RunnerLine,
  hearing: Hearing,
  /** Whether that process begins as the leader of the app. */
  leads: (member: number) => boolean,
): Launcher {
  const { options } = facts
  const { id, generation, clock, balancer, random } = options
  let notifySocket: NotifySocket | undefined
  let isFirst = true

  function start({ run, afterDeath }: Parameters<Launcher['start']>[0]): void {
    const maySpare = afterDeath === true || (isFirst && options.isUrgent === true)
    isFirst = false
    facts.listening = []
    facts.notes = []
    facts.axm = NO_AXM
    facts.startedAt = clock.wall()
    const spare = maySpare ? options.spares.take(facts.spec) : undefined
    if (spare !== undefined) {
      takeUp(run, spare)
      return
    }
    // A program that is not Node says that it is ready by sd_notify(3).
    if (facts.spec.runtime === 'node' || !facts.spec.waitReady) {
      spawnProcess(run)
      return
    }
    notifySocket ??= options.notify.open((said) => facts.process?.health.notified(said))
    void notifySocket.opened.then((failure) => {
      const { counters, state } = facts.instance
      const isWanted = counters.run === run && state.phase === 'starting'
      if (!isWanted) return
      if (failure === undefined) spawnProcess(run)
      else line.send({ type: 'spawn-failed', run, message: `wait_ready: ${failure}` })
    })
  }

  function spawnProcess(run: Run): void {
    const whole = wholeSpec(run)
    if (whole === undefined) return
    const { spec, number } = facts
    facts.process = startRunningProcess(
      {
        run,
        id,
        number,
        spec,
        whole,
        notifySocket: notifySocket?.path,
        leads,
        on: eventsOf(run, spec),
      },
      options,
    )
    const { process } = facts
    if (process === undefined) return
    // Nobody waits for a job to be ready: what guards it begins at once.
    if (spec.job !== undefined) process.health.becameReady()
    line.announce({ type: 'instance.started', id, number, pid: process.child.pid, generation })
  }

  function takeUp(run: Run, spare: SpareProcess): void {
    const { process, said } = spare
    const { number } = facts
    enlistProcess(process, { run, id, number }, options)
    facts.process = process
    facts.listening = said.listening
    facts.axm = said.axm
    if (said.listening.length === 0) facts.notes.push('listens nowhere')
    line.announce({ type: 'instance.started', id, number, pid: process.child.pid, generation })
    const events = eventsOf(run, process.spec)
    const goOn = (): void => {
      spare.hand(events)
      events.ready()
    }
    // A rollout is not to hear of it while it is still carrying out the start.
    if (options.isUrgent === true) queueMicrotask(goOn)
    else goOn()
  }

  function wholeSpec(run: Run): AppSpec | undefined {
    try {
      return withWholeEnvironment(facts.spec, options.shell)
    } catch (error) {
      line.send({ type: 'spawn-failed', run, message: (error as Error).message })
      return undefined
    }
  }

  function processEnded(run: Run, code: number | null, signal: string | null): void {
    const { process } = facts
    if (process?.run === run) releaseProcess(process, { code, signal }, balancer)
    line.send({ type: 'exited', run, code, signal, random: random() })
  }

  function eventsOf(run: Run, spec: AppSpec): ProcessEvents {
    const fail = (by: Requester, message: string, kill: boolean): void =>
      line.send({ type: 'fail', run, by, message, kill })
    return {
      agent: (message, handle) => hearing.fromAgent(run, message, handle),
      message: (message) => hearing.fromApp(run, message),
      spawnFailed: (message) => line.send({ type: 'spawn-failed', run, message }),
      exited: (code, signal) => processEnded(run, code, signal),
      isInService: () => facts.inService,
      ready: () => line.send({ type: 'said-ready', run }),
      readiness(ready, message) {
        const { state } = facts.instance
        if (state.phase !== 'ready' || state.inRotation === ready) return
        const { number } = facts
        line.announce({ type: 'instance.readiness', id, number, ready, message })
        line.send({ type: 'readiness', run, ready })
      },
      fail,
      async replace(by, message) {
        // Beside one that serves it is not needed; and only Node can share its port with a successor.
        const mayHaveOneBeside = spec.runtime === 'node' && spec.job === undefined
        if (facts.inService && mayHaveOneBeside) return options.replace(by, message)
        fail(by, message, !facts.inService)
        return true
      },
      noted: line.publish,
    }
  }

  return {
    start,
    closeNotifySocket() {
      notifySocket?.[Symbol.dispose]()
      notifySocket = undefined
    },
  }
}
