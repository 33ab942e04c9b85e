/** The proxies of this host as the rest of the daemon sees them: told before instances end, and of every change. */

import { existsSync, readFileSync } from 'node:fs'

import type { AppRecord } from '../../src/contract/app.ts'
import type { HomePaths } from '../../src/contract/home.ts'
import type { ParamsOf, ResultOf } from '../../src/contract/rpc.ts'
import type { SupervisorApi } from '../../src/contract/supervisor.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Log } from '../kernel/log.ts'
import { agentAnswer, isAsked, parseAsked } from '../proxies/agent-answer.ts'
import { createAgentCheck } from '../proxies/agent-check.ts'
import { createHostProxies, type HostProxies } from '../proxies/host-proxies.ts'
import type { InstanceCache } from './instance-cache.ts'
import type { Store } from './store.ts'
import type { Supervisors } from './supervisors.ts'

export interface ProxiesOptions {
  home: HomePaths
  clock: Clock
  log: Log
  store: Store
  instances: InstanceCache
  supervisors: Supervisors
}

export interface Proxies extends HostProxies {
  /** Tells the proxies before instances end. */
  supervisors: Supervisors
  instanceChanged(): void
}

const SNAPSHOT_MS = 5000
const ENDING_METHODS: readonly (keyof SupervisorApi)[] = ['instances.stop', 'instances.remove']

export function createProxies(options: ProxiesOptions): Proxies {
  const { home, clock, log, store, instances, supervisors: inner } = options
  const leavingOf = new Map<string, Set<number>>()

  /** As of now: what the cache has of loads is of the last change. */
  async function loadsOf(record: AppRecord): Promise<ReadonlyMap<number, number>> {
    const { apps } = await inner.call(record, 'supervisor.snapshot', {}, SNAPSHOT_MS)
    const states = apps.find((app) => app.record.key === record.key)?.instances ?? []
    return new Map(states.map(({ number, balance }) => [number, balance?.loopUtilisation ?? 0]))
  }

  const proxies = createHostProxies({
    file: home.proxies,
    runDir: home.runDir,
    clock,
    log,
    find: store.find,
    statesOf: instances.of,
    loadsOf,
    daemon: { uid: process.geteuid?.() ?? 0, hasHaproxyUser: hasUser('haproxy') },
    path: process.env['PATH'],
    signal: (pid, signal) => void process.kill(pid, signal),
  })

  const agentCheck = createAgentCheck({
    log,
    async answer(line) {
      const asked = parseAsked(line)
      if (asked === undefined) return 'down#what is asked is not understood'
      const record = store.apps().find((one) => isAsked(one, asked))
      if (record === undefined) return agentAnswer(asked, undefined)
      const loads =
        record.spec.proxy?.loadWeights === true
          ? await loadsOf(record).catch(() => undefined)
          : undefined
      return agentAnswer(asked, {
        record,
        states: instances.of(record),
        leaving: leavingOf.get(record.key) ?? new Set(),
        ...(loads === undefined ? {} : { loads }),
      })
    },
  })

  /** The proxies first; then whatever ends them; then what their states say counts again. */
  async function afterTelling<T>(
    record: AppRecord,
    ids: readonly number[],
    end: () => Promise<T>,
  ): Promise<T> {
    if (record.spec.slots === undefined || ids.length === 0) return end()
    const numbers = record.slots.filter(({ id }) => ids.includes(id)).map(({ number }) => number)
    const leaving = leavingOf.get(record.key) ?? new Set()
    leavingOf.set(record.key, leaving)
    for (const number of numbers) leaving.add(number)
    try {
      await proxies.leaving(record, ids)
      return await end()
    } finally {
      for (const number of numbers) leaving.delete(number)
      proxies.left(record, ids)
    }
  }

  const supervisors: Supervisors = {
    ...inner,
    call<M extends keyof SupervisorApi>(
      record: AppRecord,
      method: M,
      params: ParamsOf<SupervisorApi, M>,
      timeoutMs: number,
    ): Promise<ResultOf<SupervisorApi, M>> {
      const end = (): Promise<ResultOf<SupervisorApi, M>> =>
        inner.call(record, method, params, timeoutMs)
      if (!ENDING_METHODS.includes(method)) return end()
      return afterTelling(record, (params as { ids: number[] }).ids, end)
    },
    async shutDownAll(timeoutMs) {
      await Promise.all(
        store.apps().map((record) =>
          proxies.leaving(
            record,
            record.slots.map(({ id }) => id),
          ),
        ),
      )
      await inner.shutDownAll(timeoutMs)
    },
    drop: (record, timeoutMs) =>
      afterTelling(
        record,
        record.slots.map(({ id }) => id),
        () => inner.drop(record, timeoutMs),
      ),
  }

  return {
    ...proxies,
    supervisors,
    instanceChanged: proxies.changed,
    changed() {
      agentCheck.listenAt(store.apps().flatMap(({ spec }) => spec.proxy?.agentCheck ?? []))
      proxies.changed()
    },
    [Symbol.dispose]() {
      agentCheck[Symbol.dispose]()
      proxies[Symbol.dispose]()
    },
  }
}

function hasUser(name: string): boolean {
  return (
    existsSync('/etc/passwd') &&
    new RegExp(`^${name}:`, 'm').test(readFileSync('/etc/passwd', 'utf8'))
  )
}
