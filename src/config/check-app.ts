/** From what a user wrote for one app to checked values, or all that is wrong with it at once. */

import * as v from 'valibot'

import { APP_KEYS } from './app-keys.ts'
import { environment, isRecord, type Kind } from './kinds.ts'
import { canonicalKey, canonicalNestedKey, environmentName, knownSpellings } from './pm2-keys.ts'
import { type Problem, unknownKey, wrongValue } from './problems.ts'
import { schemaOf } from './schema-of.ts'
import type { CheckedApp } from './schema.ts'

export interface CheckResult {
  app: CheckedApp
  /** The same under the keys' own names, unchecked, for `jlist` and `plan`. */
  raw: Record<string, unknown>
  problems: Problem[]
  /** Unknown keys: problems with `--strict`. */
  unknown: Problem[]
}

/** Says where a key stands: the key as it was written, in the user's own spelling. */
export type PlaceOf = (key: string) => string

export function checkApp(given: Record<string, unknown>, placeOf: PlaceOf): CheckResult {
  const checked: Record<string, unknown> = {}
  const result: CheckResult = { app: { environments: {} }, raw: {}, problems: [], unknown: [] }
  for (const [written, value] of Object.entries(given)) {
    // PM2's users write `node_args: isProduction ? '…' : ''`; an empty key in YAML is null.
    if (value === undefined || value === null || value === '') continue
    const place = placeOf(written)
    const key = canonicalKey(written)
    if (key !== undefined) {
      const schema = APP_KEYS[key] as Kind<unknown, unknown>
      const normal = normaliseNested(schema, value, place, result.unknown)
      result.raw[key] = normal
      const read = readValue(schema, normal, place, result.problems)
      if (read !== undefined) checked[key] = read
      continue
    }
    const name = environmentName(written)
    if (name === undefined) {
      result.unknown.push(unknownKey(place, written, knownSpellings()))
      continue
    }
    const variables = readValue(environment(), value, place, result.problems)
    if (variables !== undefined) result.app.environments[name] = variables
  }
  result.app = {
    ...(checked as Omit<CheckedApp, 'environments'>),
    environments: result.app.environments,
  }
  return result
}

function readValue<Out>(
  schema: Kind<unknown, Out> | Kind<Record<string, unknown>, Out>,
  value: unknown,
  place: string,
  problems: Problem[],
): Out | undefined {
  const parsed = v.safeParse(schemaOf(schema as Kind<unknown, Out>), value)
  if (parsed.success) return parsed.output
  for (const issue of parsed.issues) {
    const path = (issue.path ?? []).map(({ key }) => `.${String(key)}`).join('')
    problems.push(wrongValue(`${place}${path}`, issue.message, issue.input))
  }
  return undefined
}

/** Brings the keys inside an object to their own spelling, and tells of those that nobody knows. */
function normaliseNested(
  schema: Kind<unknown, unknown>,
  value: unknown,
  place: string,
  unknown: Problem[],
): unknown {
  const keys = nestedKeysOf(schema)
  if (keys === undefined || !isRecord(value)) return value
  const normal: Record<string, unknown> = {}
  for (const [written, item] of Object.entries(value)) {
    const key = canonicalNestedKey(written)
    const inner = keys[key]
    if (inner === undefined)
      unknown.push(unknownKey(`${place}.${written}`, written, Object.keys(keys)))
    else normal[key] = normaliseNested(inner, item, `${place}.${written}`, unknown)
  }
  return normal
}

function nestedKeysOf(
  schema: Kind<unknown, unknown>,
): Record<string, Kind<unknown, unknown>> | undefined {
  const { keys } = v.getMetadata(schemaOf(schema) as Parameters<typeof v.getMetadata>[0])
  return keys as Record<string, Kind<unknown, unknown>> | undefined
}
