/** Keeps the start of an app until what it depends on is there. */

import type { AppRecord, AppSpec } from '../../../src/contract/app.ts'
import {
  type Condition,
  findCircle,
  needStatus,
  type NeedStatus,
} from '../../../src/contract/dependencies.ts'
import { LbmError } from '../../../src/contract/errors.ts'
import { desiredRunning } from '../definitions.ts'
import type { InstanceCache } from '../instance-cache.ts'

export interface NeedsOptions {
  apps: () => readonly AppRecord[]
  instances: InstanceCache
}

export interface Needs {
  /**
   * Resolves when all that the app depends on is there; at once where it depends on nothing.
   * @param patient wait for what has failed, too: somebody may mend it
   * @throws LbmError OPERATION_FAILED when a need has failed, or when the app is not to run any more
   */
  met(key: string, how: { patient: boolean }): Promise<void>
  /** All that the app depends on is there now. */
  areMet(key: string): boolean
  /** `db (ready)`: what of it is not there. */
  unmet(key: string): string
  /** The same, where its start waits for it now. */
  waitingFor(key: string): string | undefined
  /** It is being started, until disposed of: whoever needs it waits, whatever it was before. */
  begins(key: string): Disposable
  /** Something has changed: whoever waits looks again. */
  changed(): void
}

interface Need {
  name: string
  condition: string
  status: NeedStatus
}

export function createNeeds({ apps, instances }: NeedsOptions): Needs {
  const waiting = new Map<symbol, { key: string; look: () => void }>()
  const beginning = new Map<symbol, string>()

  const find = (key: string): AppRecord | undefined => apps().find((app) => app.key === key)

  function needsOf({ spec }: AppRecord): Need[] {
    return Object.entries(spec.dependsOn).map(([name, condition]) => {
      const record = apps().find((app) => app.spec.name === name)
      return { name, condition, status: statusOf(record, condition) }
    })
  }

  function statusOf(record: AppRecord | undefined, condition: Condition): NeedStatus {
    if (record === undefined) return { is: 'failed', why: 'is not there' }
    const status = needStatus(condition, record, instances.of(record))
    const isBeginning = [...beginning.values()].includes(record.key)
    return status.is === 'failed' && isBeginning ? { is: 'pending' } : status
  }

  function changed(): void {
    for (const { look: again } of [...waiting.values()]) again()
  }

  /** @returns what it waits for, `undefined` when nothing */
  function look(key: string, patient: boolean): Need | undefined {
    const record = find(key)
    if (record === undefined || desiredRunning(record).length === 0) throw stoppedWhileItWaited(key)
    const missing = needsOf(record).filter(({ status }) => status.is !== 'met')
    const failed = missing.find(({ status }) => status.is === 'failed')
    if (failed !== undefined && !patient) throw needFailed(record.spec, failed)
    return missing[0]
  }

  function unmet(key: string): string {
    const record = find(key)
    const names = (record === undefined ? [] : needsOf(record))
      .filter(({ status }) => status.is !== 'met')
      .map(({ name, condition }) => `${name} (${condition})`)
    return names.join(', ')
  }

  return {
    async met(key, { patient }) {
      if (look(key, patient) === undefined) return
      await new Promise<void>((resolve, reject) => {
        const id = Symbol(key)
        const again = (): void => {
          try {
            if (look(key, patient) !== undefined) return
            waiting.delete(id)
            resolve()
          } catch (error) {
            waiting.delete(id)
            reject(error as Error)
          }
        }
        waiting.set(id, { key, look: again })
      })
    },
    areMet: (key) => unmet(key) === '',
    unmet,
    waitingFor: (key) =>
      [...waiting.values()].some((one) => one.key === key) ? unmet(key) : undefined,
    begins(key) {
      const id = Symbol(key)
      beginning.set(id, key)
      return {
        [Symbol.dispose]() {
          beginning.delete(id)
          changed()
        },
      }
    },
    changed,
  }
}

export function stoppedWhileItWaited(key: string): LbmError {
  return new LbmError('OPERATION_FAILED', `"${key}" was stopped while it waited to start.`)
}

function needFailed({ name }: AppSpec, need: Need): LbmError {
  const why = need.status.is === 'failed' ? need.status.why : 'is not there yet'
  return new LbmError(
    'OPERATION_FAILED',
    `${name} needs ${need.name} (${need.condition}), which ${why}.`,
    { hint: `lbm start ${need.name}, or "lbm describe ${need.name}" for more` },
  )
}

/**
 * Checks what a definition depends on against the apps that are there.
 * @throws LbmError APP_NOT_FOUND for an app that is not there, CONFIG_INVALID for a circle
 */
export function checkNeeds(
  spec: AppSpec,
  others: readonly AppRecord[],
  { mustBeThere }: { mustBeThere: boolean },
): void {
  const names = Object.keys(spec.dependsOn)
  if (names.length === 0) return
  const needs = new Map(others.map((app) => [app.spec.name, Object.keys(app.spec.dependsOn)]))
  const missing = names.find((name) => !needs.has(name) && name !== spec.name)
  if (missing !== undefined && mustBeThere) {
    throw new LbmError(
      'APP_NOT_FOUND',
      `${spec.name} depends on "${missing}", and there is no such app.`,
      { hint: 'start it first, or start both from one ecosystem file' },
    )
  }
  const circle = findCircle(new Map([...needs, [spec.name, names]]))
  if (circle !== undefined)
    throw new LbmError('CONFIG_INVALID', `depends_on goes in a circle: ${circle.join(' → ')}.`)
}
