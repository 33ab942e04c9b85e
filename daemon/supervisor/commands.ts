/** Commands on the instances of an app, and what they come to. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { Requester } from '../../src/contract/instance.ts'
import type { InstanceOutcome, RolloutOutcome } from '../../src/contract/supervisor.ts'
import type { Balancer } from '../balancer/port.ts'
import type { AppHost } from './app-host-port.ts'
import type { Runner } from './instance/runner-port.ts'
import type { Reloads } from './rollout/reloads.ts'
import { isAtRest, type Slot } from './slot.ts'
import type { HostSpares } from './spares/spares-of-host.ts'

export interface CommandsOptions {
  record: () => AppRecord
  slots: ReadonlyMap<number, Slot>
  /** @throws LbmError APP_NOT_FOUND */
  runner: (id: number) => Runner
  reloads: Reloads
  balancer: Balancer
  /** None is of before a command, or begins in the midst of one. */
  spares: Pick<HostSpares, 'renew' | 'during'>
}

export type Commands = Pick<AppHost, 'start' | 'stop' | 'restart' | 'reload'>

export function createCommands(options: CommandsOptions): Commands {
  const { record, slots, runner, reloads, balancer, spares } = options
  /** Of each restart that is under way: whose turn is yet to come. */
  const underWay = new Set<Set<number>>()

  async function start(
    ids: readonly number[],
    { wait, rollBack }: { wait: boolean; rollBack: boolean },
  ): Promise<InstanceOutcome[]> {
    const failFast = wait && rollBack
    const pending = ids.map((id) => commanded(runner(id), { type: 'start', failFast }))
    if (!wait) return ids.map((id) => ({ id, number: runner(id).number, result: 'started' }))
    if (failFast) await spares.during(stopUnlessAllCameUp(ids, pending))
    return Promise.all(pending)
  }

  /** All or nothing: what came up beside a failed one does not stay half-started. */
  async function stopUnlessAllCameUp(
    ids: readonly number[],
    pending: Promise<InstanceOutcome>[],
  ): Promise<void> {
    const failed = await firstFailure(pending)
    if (failed === undefined) return
    const message = `the start failed: instance ${failed.number} ${failed.message ?? 'died before it was ready'}`
    await Promise.all(
      ids.map(async (id) => {
        const instance = runner(id)
        if (!isAtRest(instance)) await commanded(instance, { type: 'stop', by: 'start-failed' })
        instance.send({ type: 'give-up', message })
      }),
    )
  }

  async function stop(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    reloads.abort({ undo: false, message: 'stopped' })
    const chosen = new Set(ids)
    for (const waiting of underWay) for (const id of ids) waiting.delete(id)
    const pending = ids.map((id) => commanded(runner(id), { type: 'stop', by }))
    // Nobody is left to take a connection: refuse new ones now instead of letting them wait.
    const isLast = [...slots].every(([id, slot]) => chosen.has(id) || isAtRest(slot.current()))
    if (isLast) balancer.release()
    const gone = isLast ? spares.renew() : undefined
    const outcomes = await spares.during(Promise.all(pending))
    await gone
    return outcomes
  }

  async function restart(
    ids: readonly number[],
    { by, wait, rolling }: { by: Requester; wait: boolean; rolling: boolean },
  ): Promise<InstanceOutcome[]> {
    void spares.renew()
    const outcomes = spares.during(rolling ? restartRolling(ids, by) : restartInPlace(ids, by))
    if (wait) return outcomes
    return ids.map((id) => ({ id, number: runner(id).number, result: 'started' }))
  }

  async function restartRolling(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    const outcome = await reloads.reload({ by, supersede: false, ids })
    return ids.map((id) => outcomeOf(runner(id), outcome))
  }

  async function restartInPlace(ids: readonly number[], by: Requester): Promise<InstanceOutcome[]> {
    if (record().spec.mode === 'fork')
      return Promise.all(ids.map((id) => commanded(runner(id), { type: 'restart', by })))
    const waiting = new Set(ids)
    underWay.add(waiting)
    try {
      return await restartInTurn(ids, by, waiting)
    } finally {
      underWay.delete(waiting)
    }
  }

  /** One after another, so that the others serve meanwhile; a failure ends it, so that they still do. */
  async function restartInTurn(
    ids: readonly number[],
    by: Requester,
    waiting: ReadonlySet<number>,
  ): Promise<InstanceOutcome[]> {
    const outcomes: InstanceOutcome[] = []
    const numbers = new Map(ids.map((id) => [id, runner(id).number]))
    for (const id of ids) {
      const left = (message: string): void =>
        void outcomes.push({ id, number: numbers.get(id) ?? id, result: 'superseded', message })
      if (!waiting.has(id)) left('stopped meanwhile')
      else if (outcomes.some(isFailure) && !isAtRest(runner(id)))
        left('left as it was: the one before failed')
      else outcomes.push(await commanded(runner(id), { type: 'restart', by }))
    }
    return outcomes
  }

  return {
    start,
    stop,
    restart,
    reload(request) {
      void spares.renew()
      return spares.during(reloads.reload(request))
    },
  }
}

/** Listens for the outcome before the event is sent: a settled one may come at once. */
function commanded(runner: Runner, event: Parameters<Runner['send']>[0]): Promise<InstanceOutcome> {
  const outcome = runner.nextOutcome()
  runner.send(event)
  return outcome
}

function outcomeOf(runner: Runner, { result, message, failed }: RolloutOutcome): InstanceOutcome {
  const { id, number } = runner
  if (result === 'done') return { id, number, result: 'ready' }
  if (failed?.id === id) return failed
  return { id, number, result: 'superseded', message: message ?? 'the old one serves on' }
}

function isFailure(outcome: InstanceOutcome): boolean {
  return outcome.result === 'failed' || outcome.result === 'timed-out'
}

/** Resolves with the first failure, as soon as it comes, or undefined when all came up. */
async function firstFailure(
  pending: readonly Promise<InstanceOutcome>[],
): Promise<InstanceOutcome | undefined> {
  return new Promise((resolve) => {
    for (const outcome of pending) void outcome.then((value) => isFailure(value) && resolve(value))
    void Promise.all(pending).then((all) => resolve(all.find(isFailure)))
  })
}
