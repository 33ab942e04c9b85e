/** The text of `state.json`, and of a list that was saved by hand. Pure. */

import * as v from 'valibot'

import type { AppRecord } from '../../src/contract/app.ts'
import { withoutReferenced } from '../../src/contract/env-references.ts'
import { LbmError } from '../../src/contract/errors.ts'
import { appRecord } from '../../src/contract/record-schemas.ts'

/** Of the shape. A newer one is refused, an older one is migrated here. */
const SCHEMA = 1

export interface DesiredState {
  nextId: number
  apps: readonly AppRecord[]
}

export type ParsedState = { problems: string[] } | { problems: string[]; state: DesiredState }

/** Variables of whoever starts the daemon, at every boot. */
export type LastingVariables = Readonly<Record<string, string | undefined>>

/** One app as JSON, without the values that can be read again. */
export function formatRecord(record: AppRecord, lasting: LastingVariables): string {
  const { spec, previous } = record
  return JSON.stringify({
    ...record,
    spec: withoutReferenced(spec, lasting),
    ...(previous === undefined ? {} : { previous: withoutReferenced(previous, lasting) }),
  })
}

/** @param records each as JSON */
export function formatState(nextId: number, records: readonly string[]): string {
  return `{"schema":${SCHEMA},"nextId":${nextId},"apps":[\n${records.join(',\n')}\n]}\n`
}

const envelope = v.object({
  schema: v.number(),
  nextId: v.pipe(v.number(), v.integer(), v.minValue(0)),
  apps: v.array(v.unknown()),
})

/**
 * One app that does not hold does not take the others with it: then there are problems and a state.
 * @param path for the message @throws LbmError STATE_UNREADABLE for a newer shape
 */
export function parseState(path: string, text: string): ParsedState {
  const outer = v.safeParse(envelope, parseJson(text))
  if (!outer.success) return { problems: ['it is no complete state of lbm'] }
  if (outer.output.schema > SCHEMA) {
    throw new LbmError(
      'STATE_UNREADABLE',
      `${path} was written by a newer lbm (format ${outer.output.schema}; this one reads up to ${SCHEMA}). It was left as it is.`,
      { hint: 'install the newer lbm again, or use another LBM_HOME' },
    )
  }
  const problems: string[] = []
  const apps: AppRecord[] = []
  const seen = new Set<string | number>()
  for (const [index, app] of outer.output.apps.entries()) {
    const result = v.safeParse(appRecord, app, { abortEarly: true })
    const identities = result.success ? [result.output.key, ...idsOf(result.output)] : []
    if (!result.success) {
      const place = v.getDotPath(result.issues[0]) ?? 'its top'
      problems.push(`apps[${index}] does not hold at ${place}`)
    } else if (identities.some((one) => seen.has(one))) {
      problems.push(`apps[${index}] has a name or id that is there already`)
    } else {
      for (const one of identities) seen.add(one)
      apps.push(result.output)
    }
  }
  return { problems, state: { nextId: outer.output.nextId, apps } }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // cut off, or never one: no state either way
  }
}

export function idsOf(record: AppRecord): number[] {
  return record.slots.map(({ id }) => id)
}
