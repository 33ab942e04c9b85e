/** The edge of an app's spares: feeds their machine, starts and ends their processes, gives one away. */

import { isDeepStrictEqual } from 'node:util'

import type { AppRecord, AppSpec } from '../../../src/contract/app.ts'
import type { ListeningAt, SpareView } from '../../../src/contract/instance.ts'
import { policyOf } from '../instance/policy.ts'
import type { LaunchDeps } from '../instance/running-process.ts'
import { withWholeEnvironment } from '../instance/whole-environment.ts'
import type { Sinks } from '../logs/sinks.ts'
import { EMPTY_POOL, nextPoolDeadline, poolNote, stepPool } from './machine.ts'
import { type SpareProcess, startSpare } from './spare-process.ts'
import type { Pool, PoolEffect, PoolEvent, PoolPolicy, SpareId } from './state.ts'

export interface SparesOptions extends LaunchDeps {
  record: () => AppRecord
  shell: Readonly<Record<string, string | undefined>>
  sinksOf: (id: number) => Sinks
  /** How many there should be, and whether now is the time to start one. */
  demand: () => Pick<PoolPolicy, 'wanted' | 'mayStart'>
  /** Where the instances listen. */
  places: () => readonly ListeningAt[]
  /** What is told of them is another, or a process came or went. */
  changed: () => void
}

export interface Spares {
  /** What is wanted may be something else. */
  update(): void
  /** Ends those that there are: they are of what held before. Resolves when they are gone. */
  renew(): Promise<void>
  /** @returns undefined when there is none that is ready, or none of this definition */
  take(spec: AppSpec): SpareProcess | undefined
  ofMember(memberId: number): SpareProcess | undefined
  processes(): SpareProcess[]
  report(): { views: SpareView[]; note: string | undefined }
}

export function createSpares(options: SparesOptions): Spares {
  const { record, clock, balancer } = options
  const processes = new Map<SpareId, SpareProcess>()
  let pool: Pool = EMPTY_POOL
  let timer: Disposable | undefined
  let given: SpareId | undefined
  const queue: PoolEvent[] = []
  let isStepping = false
  let told = ''
  let telling: Disposable | undefined

  function policy(): PoolPolicy {
    const { spec, listens } = record()
    const { minUptimeMs, killTimeoutMs } = spec
    const { listenTimeoutMs: startTimeoutMs } = policyOf(spec, listens)
    return { ...options.demand(), minUptimeMs, startTimeoutMs, killTimeoutMs }
  }

  function send(event: PoolEvent): void {
    queue.push(event)
    // One event at a time: a spawn that fails is told while it is carried out.
    if (isStepping) return
    isStepping = true
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [stepped, effects] = stepPool(pool, next, policy(), clock.now())
      pool = stepped
      for (const effect of effects) carryOut(effect)
    }
    isStepping = false
    timer?.[Symbol.dispose]()
    const deadline = nextPoolDeadline(pool)
    timer = deadline === undefined ? undefined : clock.at(deadline, () => send({ type: 'tick' }))
    // Not at once: whoever takes one has something more urgent to do.
    telling ??= clock.at(clock.now(), tell)
  }

  function tell(): void {
    telling = undefined
    const now = JSON.stringify(report())
    if (now === told) return
    told = now
    options.changed()
  }

  function carryOut({ type, id }: PoolEffect): void {
    const spare = processes.get(id)
    switch (type) {
      case 'start':
        start(id)
        break
      case 'stop':
        if (spare === undefined) break
        // First: a listener that only it has held is not closed, since a replacement of the last instance may want it.
        balancer.detach(spare.process.memberId)
        spare.process.health.stopping()
        spare.process.child.askToStop()
        break
      case 'kill':
        spare?.process.child.killTree()
        break
      case 'forget':
        spare?.forget()
        processes.delete(id)
        break
      case 'give':
        given = id
        break
    }
  }

  function start(id: SpareId): void {
    const { spec, slots, listens } = record()
    const whole = wholeSpec(id, spec)
    if (whole === undefined) return
    const { awaitsWord } = wordOf(spec, listens)
    const spare = startSpare(
      {
        number: freeNumber(slots),
        spec,
        whole,
        logId: lowestId(slots),
        sinks: options.sinksOf(lowestId(slots)),
        asked: () => ({ places: options.places(), listens: record().listens, awaitsWord }),
        on: {
          prepared: () => send({ type: 'prepared', id }),
          unready: () => send({ type: 'unready', id }),
          fail: (message, kill) =>
            send({ type: 'fail', id, kill, ...(message === undefined ? {} : { message }) }),
          ended(message) {
            processes.delete(id)
            send({ type: 'ended', id, message })
          },
        },
      },
      options,
    )
    if (spare !== undefined) processes.set(id, spare)
  }

  function wholeSpec(id: SpareId, spec: AppSpec): AppSpec | undefined {
    try {
      return withWholeEnvironment(spec, options.shell)
    } catch (error) {
      send({ type: 'ended', id, message: (error as Error).message })
      return undefined
    }
  }

  /** An instance may get any number up to the highest, so a spare's is beyond it. */
  function freeNumber(slots: AppRecord['slots']): number {
    const taken = new Set([...processes.values()].map(({ number }) => number))
    let number = Math.max(...slots.map((slot) => slot.number)) + 1
    while (taken.has(number)) number += 1
    return number
  }

  function report(): { views: SpareView[]; note: string | undefined } {
    const views = pool.spares.flatMap(({ id, state }): SpareView[] => {
      const spare = processes.get(id)
      return spare === undefined ? [] : [{ pid: spare.process.child.pid, phase: state.phase }]
    })
    return { views, note: poolNote(pool) }
  }

  return {
    update: () => send({ type: 'changed' }),
    async renew() {
      const ending = [...processes.values()].map(({ gone }) => gone)
      send({ type: 'renew' })
      await Promise.all(ending)
    },
    take(spec) {
      if (isStepping) return undefined
      const except = [...processes].filter(([, spare]) => !isFit(spare, spec)).map(([id]) => id)
      given = undefined
      send({ type: 'take', except })
      const spare = given === undefined ? undefined : processes.get(given)
      if (given !== undefined) processes.delete(given)
      return spare
    },
    ofMember: (memberId) =>
      [...processes.values()].find(({ process }) => process.memberId === memberId),
    processes: () => [...processes.values()],
    report,
  }
}

/** It answers, can be told, and is made of what the instance is to be made of. */
function isFit({ process: { health, child }, spec }: SpareProcess, wanted: AppSpec): boolean {
  return !health.isSilent() && child.isConnected() && isSameProgram(spec, wanted)
}

/** Of a definition that says how many spares there are, and what is of no concern to a process. */
export function isSameProgram(a: AppSpec, b: AppSpec): boolean {
  return isDeepStrictEqual(programOf(a), programOf(b))
}

function programOf(spec: AppSpec): Partial<AppSpec> {
  const { spare: _, instances: __, raw: ___, source: ____, ...program } = spec
  return program
}

function wordOf(spec: AppSpec, listens: boolean): { awaitsWord: boolean } {
  const { waitReady, hasReadinessProbe } = policyOf(spec, listens)
  return { awaitsWord: waitReady || hasReadinessProbe }
}

function lowestId(slots: AppRecord['slots']): number {
  const [lowest] = slots.toSorted((a, b) => a.number - b.number)
  return lowest?.id ?? 0
}
