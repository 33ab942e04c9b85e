/** Keeps proxies in step with the apps: HAProxy over its admin socket, nginx by a reload that is not hurried. */

import type { AppRecord } from '../../src/contract/app.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { InstanceState } from '../../src/contract/instance.ts'
import { after, type Clock } from '../kernel/clock.ts'
import { readIfThere, writeConfiguration } from './apply.ts'
import type { Front, RenderedFront } from './front.ts'
import { backendName, serverName } from './haproxy-backend.ts'
import { askHaproxy } from './haproxy-socket.ts'
import { numberOf, parseStat } from './haproxy-stats.ts'
import {
  commandsFor,
  differInMembershipOnly,
  parseServersState,
  wantedServers,
} from './membership.ts'
import { originOf } from './signed-text.ts'

/** What happens together is told together. */
const GATHER_MS = 50
/** A reload of nginx cuts idle connections of its clients: never two within this time. */
const RELOAD_EVERY_MS = 10_000
const LOADS_EVERY_MS = 5000
const DRAIN_POLL_MS = 100

export interface SteeringOptions {
  clock: Clock
  log: (event: string, fields: Record<string, unknown>) => void
  fronts: () => readonly Front[]
  recordsOf: (front: Front) => AppRecord[]
  statesOf: (record: AppRecord) => InstanceState[]
  loadsOf: (record: AppRecord) => Promise<ReadonlyMap<number, number>>
  /** With the generation that serves: only membership may tell it from what runs. */
  render: (front: Front, records: readonly AppRecord[]) => RenderedFront
  reapply: (front: Front) => Promise<void>
  exclusive: <T>(run: () => Promise<T>) => Promise<T>
}

export interface Steering extends Disposable {
  changed(): void
  leaving(record: AppRecord, ids: readonly number[]): Promise<void>
  left(record: AppRecord, ids: readonly number[]): void
  /** Why a front is not in step, if it is not. */
  troubleOf(file: string): string | undefined
}

export function createSteering(options: SteeringOptions): Steering {
  const { clock, log, fronts } = options
  const leavingOf = new Map<string, Set<number>>()
  const reloads = new Map<string, Disposable>()
  const troubles = new Map<string, string>()
  let gathering: Disposable | undefined
  let loadsTimer: Disposable | undefined
  let isEnded = false

  function changed(): void {
    if (isEnded || gathering !== undefined || fronts().length === 0) return
    gathering = clock.at(after(clock.now(), GATHER_MS), () => {
      gathering = undefined
      for (const front of fronts()) void syncSafely(front)
      watchLoads()
    })
  }

  async function syncSafely(front: Front): Promise<void> {
    try {
      await options.exclusive(() => sync(front))
      troubles.delete(front.file)
    } catch (error) {
      const { message } = error as Error
      if (troubles.get(front.file) !== message)
        log('proxy.out-of-step', { file: front.file, message })
      troubles.set(front.file, message)
    }
  }

  async function sync(front: Front): Promise<void> {
    const records = options.recordsOf(front)
    if (records.length === 0) return
    const rendered = options.render(front, records)
    const text = await readIfThere(front.file)
    if (text === undefined || originOf(text) !== 'ours') {
      const what = text === undefined ? 'is gone' : 'was changed by hand'
      throw new LbmError('OPERATION_FAILED', `${front.file} ${what}: apply it anew`)
    }
    const isSame = text === rendered.text
    if (front.kind === 'nginx') {
      if (!isSame) reloadLater(front)
      return
    }
    const placed = await command(front, records, rendered)
    if (isSame) return
    if (placed && differInMembershipOnly(text, rendered.text)) {
      // A reload, or a start after a crash, then equals what runs.
      await writeConfiguration({ path: front.file, text: rendered.text }, false)
    } else reloadLater(front)
  }

  /** @returns false when the running one has no place for some server */
  async function command(
    front: Front,
    records: readonly AppRecord[],
    { apps }: RenderedFront,
  ): Promise<boolean> {
    const { socket } = front.place
    const all: string[] = []
    let placed = true
    for (const [index, app] of apps.entries()) {
      const record = records[index]
      if (record === undefined) continue
      const runtime = parseServersState(
        await askHaproxy(socket, `show servers state ${backendName(app)}`),
      )
      const loads = app.proxy.loadWeights ? await options.loadsOf(record) : undefined
      const wanted = wantedServers(app, {
        states: options.statesOf(record),
        leaving: leavingOf.get(record.key) ?? new Set(),
        ...(loads === undefined ? {} : { loads }),
      })
      const commands = commandsFor(app, wanted, runtime)
      if (commands === undefined) placed = false
      else all.push(...commands)
    }
    if (all.length > 0) {
      const answer = (await askHaproxy(socket, ...all)).trim()
      log('proxy.told', { file: front.file, commands: all })
      if (/No such|expects|must|Unknown command|Permission denied|Can't/.test(answer))
        throw new LbmError('OPERATION_FAILED', `HAProxy refused: ${answer}`)
    }
    return placed
  }

  function reloadLater({ file }: Front): void {
    if (reloads.has(file)) return
    const timer = clock.at(after(clock.now(), RELOAD_EVERY_MS), () => {
      reloads.delete(file)
      const front = fronts().find((one) => one.file === file)
      if (front !== undefined) void reloadIfNeeded(front)
    })
    reloads.set(file, timer)
  }

  async function reloadIfNeeded(front: Front): Promise<void> {
    try {
      const records = options.recordsOf(front)
      const { text } = options.render(front, records)
      // It may have gone back meanwhile.
      if (text === (await readIfThere(front.file))) return
      await options.reapply(front)
      troubles.delete(front.file)
      changed()
    } catch (error) {
      const { message } = error as Error
      log('proxy.not-reloaded', { file: front.file, message })
      troubles.set(front.file, message)
    }
  }

  function watchLoads(): void {
    const isWanted = fronts().some((front) =>
      options
        .recordsOf(front)
        .some(({ spec }) => (front.options.loadWeights ?? spec.proxy?.loadWeights) === true),
    )
    if (!isWanted || loadsTimer !== undefined) return
    loadsTimer = clock.at(after(clock.now(), LOADS_EVERY_MS), () => {
      loadsTimer = undefined
      changed()
    })
  }

  async function drain(front: Front, record: AppRecord, numbers: readonly number[]): Promise<void> {
    const records = options.recordsOf(front)
    const rendered = options.render(front, records)
    const app = rendered.apps.find(({ key }) => key === record.key)
    if (app === undefined) return
    await command(front, records, rendered)
    const { socket } = front.place
    const names = numbers.map(serverName)
    const deadline = after(clock.now(), record.spec.drainIdleMs)
    while (clock.now() < deadline) {
      const rows = parseStat(await askHaproxy(socket, 'show stat json'))
      const busy = rows.some(
        (row) =>
          row.proxy === backendName(app) &&
          names.includes(row.server) &&
          numberOf(row, 'scur') + numberOf(row, 'qcur') > 0,
      )
      if (!busy) return
      await new Promise<void>((resolve) => clock.at(after(clock.now(), DRAIN_POLL_MS), resolve))
    }
  }

  const numbersOf = (record: AppRecord, ids: readonly number[]): number[] =>
    record.slots.filter(({ id }) => ids.includes(id)).map(({ number }) => number)

  return {
    changed,
    async leaving(record, ids) {
      const mine = fronts().filter(
        ({ kind, apps }) => kind === 'haproxy' && apps.includes(record.key),
      )
      if (mine.length === 0) return
      const numbers = numbersOf(record, ids)
      const leaving = leavingOf.get(record.key) ?? new Set()
      for (const number of numbers) leaving.add(number)
      leavingOf.set(record.key, leaving)
      for (const front of mine) {
        try {
          await drain(front, record, numbers)
        } catch (error) {
          // A proxy that is down sends nothing: the apps are not to wait for it.
          log('proxy.not-told', { file: front.file, message: (error as Error).message })
        }
      }
    },
    left(record, ids) {
      const leaving = leavingOf.get(record.key)
      for (const number of numbersOf(record, ids)) leaving?.delete(number)
      changed()
    },
    troubleOf: (file) => troubles.get(file),
    [Symbol.dispose]() {
      isEnded = true
      gathering?.[Symbol.dispose]()
      loadsTimer?.[Symbol.dispose]()
      for (const timer of reloads.values()) timer[Symbol.dispose]()
    },
  }
}
