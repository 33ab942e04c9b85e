/** Commands on running instances: `app.signal`, `app.reset`, `app.balance`, `app.send`, `app.message`, logs. */

import { truncate } from 'node:fs/promises'

import type { DaemonApi } from '../../../src/contract/api.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import { logFilesOf } from '../../../src/contract/log-files.ts'
import { reusePortProblem } from '../../../src/contract/reuse-port.ts'
import type { Implementation } from '../../../src/contract/rpc.ts'
import type { Control } from '../control.ts'
import { isAlive } from '../instance-cache.ts'
import type { Selection } from '../selectors.ts'
import { selectionsOf } from './selected.ts'

type Methods = Pick<
  Implementation<DaemonApi>,
  | 'app.signal'
  | 'app.reset'
  | 'app.balance'
  | 'app.send'
  | 'app.message'
  | 'app.flush'
  | 'logs.reopen'
>

/** For what a supervisor does at once. */
const PROMPT_MS = 15_000

export function instanceMethods(control: Control, reopenOwnLog: () => string): Methods {
  const { store, supervisors, instances, home } = control

  function aliveOf(selections: readonly Selection[]): Selection[] {
    return selections
      .map(({ record, ids }) => ({
        record,
        ids: ids.filter((id) => {
          const state = instances.find(id)
          return state !== undefined && isAlive(state) && supervisors.hosts(record.key)
        }),
      }))
      .filter(({ ids }) => ids.length > 0)
  }

  async function flush({ record, ids }: Selection): Promise<string[]> {
    const { key, spec } = record
    if (supervisors.hosts(key)) {
      return (await supervisors.call(record, 'logs.flush', { key }, PROMPT_MS)).files
    }
    const files = ids.flatMap((id) => Object.values(logFilesOf(spec, home.logsDir, id)))
    return emptyAll(files)
  }

  return {
    async 'app.signal'({ selectors, signal }) {
      const selections = selectionsOf(control, selectors)
      const signalled = await Promise.all(
        aliveOf(selections).map(async ({ record, ids }) => {
          const { key, spec } = record
          const params = { key, ids, signal }
          const result = await supervisors.call(record, 'instances.signal', params, PROMPT_MS)
          return result.signalled.map((id) => ({ id, name: spec.name }))
        }),
      )
      return { signalled: signalled.flat() }
    },

    async 'app.reset'({ selectors }) {
      const selections = selectionsOf(control, selectors)
      await Promise.all(
        selections
          .filter(({ record }) => supervisors.hosts(record.key))
          .map(({ record, ids }) =>
            supervisors.call(record, 'instances.reset', { key: record.key, ids }, PROMPT_MS),
          ),
      )
      return { ids: selections.flatMap(({ ids }) => ids) }
    },

    async 'app.balance'({ selectors, balance }) {
      const selections = selectionsOf(control, selectors)
      if (balance.policy === 'reuseport') {
        for (const { record } of selections) {
          const problem = reusePortProblem(record.spec.nodeVersion, process.platform)
          if (problem !== undefined) throw problem
        }
      }
      await Promise.all(
        selections.map(async ({ record }) => {
          const { key, spec } = record
          const next = { ...record, spec: { ...spec, balance: { ...spec.balance, ...balance } } }
          control.apply(next)
          if (!supervisors.hosts(key)) return
          await supervisors.call(
            next,
            'app.balance',
            { key, balance: next.spec.balance },
            PROMPT_MS,
          )
        }),
      )
      await store.saved()
      return { apps: selections.map(({ record }) => record.key) }
    },

    async 'app.send'({ id, line }) {
      const record = store.apps().find(({ slots }) => slots.some((slot) => slot.id === id))
      if (record === undefined)
        throw new LbmError('APP_NOT_FOUND', `There is no instance with id ${id}.`)
      if (aliveOf([{ record, ids: [id] }]).length === 0) {
        throw new LbmError(
          'OPERATION_FAILED',
          `Instance ${id} of "${record.spec.name}" is not running.`,
        )
      }
      await supervisors.call(record, 'instances.stdin', { key: record.key, id, line }, PROMPT_MS)
      return {}
    },

    async 'app.message'({ selectors, message, awaitReply }) {
      const alive = aliveOf(selectionsOf(control, selectors))
      const timeoutMs = PROMPT_MS + (awaitReply?.timeoutMs ?? 0)
      const replies = await Promise.all(
        alive.map(async ({ record, ids }) => {
          const { key, spec } = record
          const params = { key, ids, message, ...(awaitReply !== undefined && { awaitReply }) }
          const result = await supervisors.call(record, 'instances.message', params, timeoutMs)
          return result.replies.map(({ id, value }) => ({
            id,
            name: spec.name,
            namespace: spec.namespace,
            value,
          }))
        }),
      )
      return { replies: replies.flat(), sent: alive.flatMap(({ ids }) => ids).length }
    },

    async 'app.flush'({ selectors }) {
      const isAll = selectors.length === 1 && selectors[0] === 'all'
      // With no app there is still the log of lbm itself.
      const selections = isAll && store.apps().length === 0 ? [] : selectionsOf(control, selectors)
      const files = await Promise.all(selections.map(flush))
      const own = isAll ? await emptyAll([home.daemonLog]) : []
      return { files: [...new Set([...files.flat(), ...own])] }
    },

    async 'logs.reopen'() {
      const results = await supervisors.callEach('logs.reopen', {}, PROMPT_MS)
      return { files: [...results.flatMap(({ files }) => files), reopenOwnLog()] }
    },
  }
}

/** @returns those that were there */
async function emptyAll(files: readonly string[]): Promise<string[]> {
  const emptied = await Promise.all(
    files
      .filter((file) => file !== '/dev/null')
      .map(async (file) => {
        try {
          await truncate(file)
          return file
        } catch {
          return undefined // the app never wrote, or writes where only it may
        }
      }),
  )
  return emptied.filter((file) => file !== undefined)
}
