/** Starts an app before the daemon asks for it; what came of it is the answer when it does. */

import type { AppRecord } from '../../src/contract/app.ts'
import type { Implementation } from '../../src/contract/rpc.ts'
import type { SupervisorApi } from '../../src/contract/supervisor.ts'

type Methods = Implementation<SupervisorApi>
type Started = SupervisorApi['instances.start']['result']

export interface HeadStart {
  methods: Methods
  begin(record: AppRecord): void
  /** Ends what was begun, where the daemon has not asked for it. */
  takeBack(): Promise<void>
}

/** @param onAsked called with the app when the daemon has asked for what was begun */
export function beginAhead(methods: Methods, onAsked: (key: string) => void): HeadStart {
  let begun: { key: string; ids: number[]; result: Promise<Started> } | undefined

  const isBegun = (key: string, ids: readonly number[]): boolean =>
    begun?.key === key && begun.ids.join(' ') === ids.join(' ')

  async function takeBack(): Promise<void> {
    if (begun === undefined) return
    const { key } = begun
    begun = undefined
    await methods['app.drop']({ key })
  }

  return {
    methods: {
      ...methods,
      // Nothing that a daemon has to decide about before it knows of the app.
      async 'supervisor.snapshot'(params) {
        const snapshot = await methods['supervisor.snapshot'](params)
        return {
          ...snapshot,
          apps: snapshot.apps.filter(({ record }) => record.key !== begun?.key),
        }
      },
      async 'app.put'(params) {
        const { key, slots } = params.record
        if (begun?.key === key && !isBegun(key, idsOf(slots))) {
          // Another command was faster, and the ids are of its app.
          await takeBack()
        }
        return methods['app.put'](params)
      },
      'app.drop'(params) {
        if (begun?.key === params.key) begun = undefined
        return methods['app.drop'](params)
      },
      async 'instances.start'(params) {
        if (begun === undefined || !isBegun(params.key, params.ids))
          return methods['instances.start'](params)
        const { key, result } = begun
        begun = undefined
        onAsked(key)
        return result
      },
    },
    begin(record) {
      const { key, slots } = record
      const ids = idsOf(slots)
      const result = (async () => {
        await methods['app.put']({ record })
        return methods['instances.start']({ key, ids, wait: true, rollBack: true })
      })()
      // Whoever asks for it hears of its failure.
      result.catch(() => undefined)
      begun = { key, ids, result }
    },
    takeBack,
  }
}

function idsOf(slots: AppRecord['slots']): number[] {
  return slots.map(({ id }) => id)
}
