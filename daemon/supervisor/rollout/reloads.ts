/** The reloads of one app: one at a time, each a rollout over its slots. */

import type { AppRecord, AppSpec } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import type {
  ExitReason,
  InstanceState as InstanceReport,
  ListeningAt,
  Requester,
} from '../../../src/contract/instance.ts'
import type { InstanceOutcome, RolloutOutcome } from '../../../src/contract/supervisor.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import { describeExit } from '../instance/exit-reason.ts'
import type { Runner } from '../instance/runner-port.ts'
import { isAtRest, type Slot, type Why } from '../slot.ts'
import { type Conducted, conductRollout, type RolloutEnd } from './conduct.ts'
import type { RolloutEffect } from './machine.ts'

export interface ReloadRequest {
  /** Default: the definition that holds when its turn comes. */
  spec?: AppSpec
  by: Requester
  /** Why, for the record of the old ones' ends. */
  message?: string
  /** End a reload that is under way instead of waiting for it. */
  supersede: boolean
  /** Default: every instance. */
  ids?: readonly number[]
  /** The old one is in trouble: the new one takes its place as soon as it is ready. */
  isUrgent?: boolean
  /** Asked when its turn comes. False: there is nothing to do any more. */
  isWanted?: () => boolean
}

export interface ReloadsOptions {
  app: string
  clock: Clock
  emit: (event: LbmEvent) => void
  slot: (id: number) => Slot | undefined
  record: () => AppRecord
  /** The new definition holds from now on. */
  commit: (spec: AppSpec) => void
}

export interface Reloads {
  reload(request: ReloadRequest): Promise<RolloutOutcome>
  abort(how: { undo: boolean; message: string }): boolean
  isUnderWay(): boolean
  servingChanged(report: InstanceReport): void
  risingChanged(report: InstanceReport): void
}

interface UnderWay {
  generation: number
  why: Why
  isUrgent: boolean
  /** The new definition gives it other arguments or another environment: it may listen elsewhere. */
  toldOtherwise: boolean
  conducted: Conducted
  /** Numbers whose new one was told to be ready. */
  ready: Set<number>
  failed: InstanceOutcome | undefined
}

export function createReloads({ app, clock, emit, slot, record, commit }: ReloadsOptions): Reloads {
  let underWay: UnderWay | undefined
  let last: Promise<unknown> = Promise.resolve()
  let generation = 1

  function reload(request: ReloadRequest): Promise<RolloutOutcome> {
    if (request.supersede) abort({ undo: false, message: 'superseded by a younger reload' })
    const turn = last.then(() => run(request))
    last = turn.catch(() => undefined)
    return turn
  }

  async function run(request: ReloadRequest): Promise<RolloutOutcome> {
    const { by, message: why, ids, isUrgent = false, isWanted } = request
    if (isWanted?.() === false) return { result: 'done', generation, replaced: 0 }
    const before = record().spec
    const { spec = before } = request
    const chosen = ids ?? record().slots.map(({ id }) => id)
    generation =
      Math.max(generation, ...chosen.map((id) => slot(id)?.current().generation ?? 0)) + 1
    const toldOtherwise = !isSame(before.env, spec.env) || !isSame(before.args, spec.args)
    const mine: UnderWay = {
      generation,
      // What the user asked for was a reload, whichever command it was.
      why: { by: by === 'command' ? 'reload' : by, ...(why === undefined ? {} : { message: why }) },
      toldOtherwise,
      isUrgent,
      ready: new Set(),
      failed: undefined,
      conducted: undefined as never,
    }
    underWay = mine
    const plan = {
      ids: chosen,
      maxSurge: spec.maxSurge,
      minUptimeMs: isUrgent ? 0 : spec.reloadMinUptimeMs,
      // Nobody wants the one back that was to go.
      soakMs: isUrgent ? 0 : spec.soakMs,
    }
    const ended = new Promise<RolloutEnd>((resolve) => {
      // The first effects come while it is made; they need to find it.
      queueMicrotask(() => {
        mine.conducted = conductRollout({
          plan,
          clock,
          carryOut: (effect) => carryOut(effect, { mine, spec, before }),
        })
        void mine.conducted.ended.then(resolve)
      })
    })
    const end = await ended
    underWay = undefined
    if (end.result !== 'rolled-back' && request.spec !== undefined) commit(spec)
    const message =
      end.failure?.message ?? (end.result === 'superseded' ? `superseded (${by})` : undefined)
    emit({
      ...base(),
      type: 'rollout.ended',
      generation: mine.generation,
      result: end.result,
      ...(message === undefined ? {} : { message }),
    })
    return {
      result: end.result,
      generation: mine.generation,
      replaced: end.replaced,
      ...(message === undefined ? {} : { message }),
      ...(mine.failed === undefined ? {} : { failed: mine.failed }),
    }
  }

  const base = (): { v: 1; atMs: number; app: string } => ({ v: 1, atMs: clock.wall(), app })

  function carryOut(
    effect: RolloutEffect,
    { mine, spec, before }: { mine: UnderWay; spec: AppSpec; before: AppSpec },
  ): void {
    const target = slot(effect.id)
    if (target === undefined) return
    const progress = (phase: string): void =>
      emit({
        ...base(),
        type: 'rollout.progress',
        generation: mine.generation,
        id: effect.id,
        number: target.current().number,
        phase,
      })
    switch (effect.type) {
      case 'start':
        progress(effect.definition === 'new' ? 'starting' : 'bringing back')
        startRising(mine, target, effect.definition === 'new' ? spec : before)
        break
      case 'promote':
        progress('in service')
        target.promote(effect.keepOld, mine.why)
        break
      case 'discard':
        progress('removed')
        target.discardRising()
        break
      case 'restore':
        progress('brought back')
        target.restoreOld()
        break
      case 'retire-old':
        target.retireOld()
        break
    }
  }

  function startRising(mine: UnderWay, target: Slot, spec: AppSpec): void {
    mine.ready.delete(target.id)
    const started = target.startRising(spec, mine.generation, mine)
    const rising = target.rising()
    if (rising === undefined) return
    void started.then((outcome) => {
      if (outcome.result === 'ready') return awaitPlaces(mine, target, spec)
      if (target.rising() === rising) fail(mine, target, asFailure(outcome, rising.report()))
    })
  }

  /** Ready is not enough: it must listen where the one in service listens, unless it was told otherwise. */
  function awaitPlaces(mine: UnderWay, target: Slot, spec: AppSpec): void {
    const rising = target.rising()
    if (rising === undefined) return
    risingChanged(rising.report())
    clock.at(after(clock.now(), spec.reloadMinUptimeMs + 1000), () => {
      if (target.rising() !== rising || mine.ready.has(target.id)) return
      const { id, number } = rising
      const message = `listens on ${places(rising.report().listening)}, where the one in service listens on ${places(target.current().report().listening)}`
      fail(mine, target, { id, number, result: 'failed', message })
    })
  }

  function fail(mine: UnderWay, target: Slot, outcome: InstanceOutcome): void {
    mine.failed ??= outcome
    const message = `instance ${outcome.number}: ${outcome.message ?? (outcome.exit === undefined ? 'ended before it was ready' : describeExit(outcome.exit))}`
    mine.conducted.send({ type: 'failed', id: target.id, message })
  }

  function risingChanged(report: InstanceReport): void {
    const target = slot(report.id)
    const rising = target?.rising()
    if (underWay === undefined || target === undefined || rising === undefined) return
    const mine = underWay
    if (report.phase === 'ready') {
      if (mine.ready.has(report.id) || !(mine.toldOtherwise || listensLike(report, target))) return
      mine.ready.add(report.id)
      mine.conducted.send({ type: 'ready', id: report.id })
      return
    }
    if (!mine.ready.has(report.id)) return
    // It was ready, and is not any more: it died, or its probe failed, while it was to prove itself.
    mine.ready.delete(report.id)
    mine.conducted.send({ type: 'lost', id: report.id })
    void lost(rising).then((outcome) => fail(mine, target, outcome))
  }

  function listensLike(report: InstanceReport, target: Slot): boolean {
    const serving = target.current()
    if (isAtRest(serving)) return true
    return serving
      .report()
      .listening.filter((place) => place.random !== true)
      .every((place) => report.listening.some((other) => isSamePort(place, other)))
  }

  function servingChanged(report: InstanceReport): void {
    // Only a soaking rollout listens to those in service.
    if (
      underWay === undefined ||
      report.phase === 'ready' ||
      report.generation !== underWay.generation
    )
      return
    const mine = underWay
    const target = slot(report.id)
    if (target === undefined || ['draining', 'stopping', 'stopped'].includes(report.phase)) return
    // A pause is not a failure, and what does not end is told by a death.
    if (report.phase === 'unready' && target.current().isSilent()) return
    void target
      .current()
      .outputWritten()
      .then(() => fail(mine, target, lostOutcome(report)))
  }

  function abort(how: { undo: boolean; message: string }): boolean {
    if (underWay === undefined) return false
    underWay.conducted.send({ type: 'abort', ...how })
    return true
  }

  return {
    reload,
    abort,
    isUnderWay: () => underWay !== undefined,
    servingChanged,
    risingChanged,
  }
}

function isSamePort(a: ListeningAt, b: ListeningAt): boolean {
  return a.port === b.port && (a.port >= 0 || a.address === b.address)
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** To end with exit code 0 is no success where something was to come up. */
function asFailure(
  outcome: InstanceOutcome,
  { lastExit, generation }: InstanceReport,
): InstanceOutcome {
  if (outcome.result === 'timed-out' || lastExit?.generation !== generation) return outcome
  const message = outcome.message ?? `${describeExit(lastExit)}, before it was ready`
  return { ...outcome, result: 'failed', message, exit: lastExit }
}

/** Waits for the end of one that a guard is ending. */
async function lost(rising: Runner): Promise<InstanceOutcome> {
  while (['draining', 'stopping'].includes(rising.report().phase)) await rising.nextOutcome()
  await rising.outputWritten()
  return lostOutcome(rising.report())
}

function lostOutcome(report: InstanceReport): InstanceOutcome {
  const { id, number, lastExit, notes, generation } = report
  const base = { id, number, result: 'failed' } as const
  if (lastExit?.generation === generation)
    return { ...base, exit: lastExit, message: describeDeath(lastExit) }
  return { ...base, message: ['lost its readiness', ...notes].join('; ') }
}

function describeDeath(exit: ExitReason): string {
  return `died ${exit.uptimeMs} ms after its start: ${describeExit(exit)}`
}

function places(listening: readonly ListeningAt[]): string {
  if (listening.length === 0) return 'no port'
  return listening.map(({ address, port }) => (port < 0 ? address : `port ${port}`)).join(', ')
}
