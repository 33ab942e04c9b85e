/** Starts the processes of an instance, and has each looked after. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { Requester } from '../../../src/contract/instance.ts'
import { createHealth, type Health } from '../health/health.ts'
import type { NotifySocket } from '../health/notify/notify-hub.ts'
import { NO_AXM } from './axm.ts'
import type { Child } from './child.ts'
import type { Hearing } from './hearing.ts'
import type { RunnerFacts, RunnerLine } from './runner-facts.ts'
import { releaseProcess, startRunningProcess } from './running-process.ts'
import type { Run } from './state.ts'
import { withWholeEnvironment } from './whole-environment.ts'

export interface Launcher {
  start(run: Run): void
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

  function start(run: Run): void {
    facts.listening = []
    facts.notes = []
    facts.axm = NO_AXM
    facts.startedAt = clock.wall()
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
        lookAfter: (child, env) => lookAfter(run, child, env),
        on: {
          agent: (message, handle) => hearing.fromAgent(run, message, handle),
          message: (message) => hearing.fromApp(run, message),
          spawnFailed: (message) => line.send({ type: 'spawn-failed', run, message }),
          exited: (code, signal) => processEnded(run, code, signal),
        },
      },
      options,
    )
    const { process } = facts
    if (process === undefined) return
    // Nobody waits for a job to be ready: what guards it begins at once.
    if (spec.job !== undefined) process.health.becameReady()
    line.announce({ type: 'instance.started', id, number, pid: process.child.pid, generation })
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

  function lookAfter(run: Run, child: Child, env: NodeJS.ProcessEnv): Health {
    const { oom, reportsDir } = options
    const ofSpec = facts.spec
    const fail = (by: Requester, message: string, kill: boolean): void =>
      line.send({ type: 'fail', run, by, message, kill })
    return createHealth({
      spec: ofSpec,
      child,
      env,
      clock,
      random,
      oom,
      reportsDir,
      isInService: () => facts.inService,
      on: {
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
          const mayHaveOneBeside = ofSpec.runtime === 'node' && ofSpec.job === undefined
          if (facts.inService && mayHaveOneBeside) return options.replace(by, message)
          fail(by, message, !facts.inService)
          return true
        },
        noted: line.publish,
      },
    })
  }

  return {
    start,
    closeNotifySocket() {
      notifySocket?.[Symbol.dispose]()
      notifySocket = undefined
    },
  }
}
