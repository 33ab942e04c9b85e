/** Keys whose values are objects of their own. */

import * as v from 'valibot'

import { BALANCE_POLICIES, type BalancePolicy } from '../contract/app.ts'
import {
  count,
  type Count,
  duration,
  type Duration,
  flag,
  type Flag,
  type InputOf,
  isRecord,
  isTextList,
  kind,
  type Kind,
  oneOf,
  type OutputOf,
  type OneOf,
  seconds,
  type Seconds,
  text,
  type Text,
  weights,
  type Weight,
  words,
  type Words,
} from './kinds.ts'
import { schemaOf } from './schema-of.ts'

/** An object with these keys; `shorthand` makes one out of a simpler value. */
export type Group<Keys, Short = never> = Kind<
  { [K in keyof Keys]?: InputOf<Keys[K]> } | Short,
  { [K in keyof Keys]?: OutputOf<Keys[K]> }
>

export function group<Keys extends object, Short = never>(
  keys: Keys,
  shorthand: (value: unknown) => unknown = (value) => value,
): Group<Keys, Short> {
  const entries = Object.fromEntries(
    Object.entries(keys).map(([key, schema]) => [
      key,
      v.optional(schemaOf(schema as Kind<unknown, unknown>)),
    ]),
  )
  return v.pipe(
    v.unknown(),
    v.metadata({ keys }),
    v.transform(shorthand),
    v.object(entries, 'an object'),
  ) as unknown as Group<Keys, Short>
}

export interface BalanceKeys {
  policy: OneOf<BalancePolicy>
  weights: Weight
  sticky_cookie: Text
  sticky_header: Text
  sticky_query: Text
  queue_timeout: Duration
  proxy_protocol: Flag
}

export function balanceGroup(): Group<BalanceKeys, BalancePolicy> {
  return group(
    {
      policy: oneOf(BALANCE_POLICIES),
      weights: weights(),
      sticky_cookie: text(),
      sticky_header: text(),
      sticky_query: text(),
      queue_timeout: duration(),
      proxy_protocol: flag(),
    },
    (value) => (typeof value === 'string' ? { policy: value } : value),
  )
}

export interface ProbeKeys {
  http: Group<
    {
      path: Text
      port: Count
      status: Kind<number | number[], number[]>
      scheme: OneOf<'http' | 'https'>
    },
    string
  >
  tcp: Group<{ port: Count }, boolean | number>
  exec: Group<{ command: Words }, string | string[]>
  initial_delay_seconds: Seconds
  period_seconds: Seconds
  timeout_seconds: Seconds
  failure_threshold: Count
  success_threshold: Count
}

export function probeGroup(): Group<ProbeKeys, string> {
  return group(
    {
      http: group(
        {
          path: text('a path such as "/healthz"'),
          port: port(),
          status: statusCodes(),
          scheme: oneOf(['http', 'https']),
        },
        (value) => (typeof value === 'string' ? { path: value } : value),
      ),
      tcp: group({ port: port() }, (value) => {
        if (typeof value === 'number') return { port: value }
        return value === true ? {} : value
      }),
      exec: group({ command: words() }, (value) =>
        typeof value === 'string' || Array.isArray(value) ? { command: value } : value,
      ),
      initial_delay_seconds: seconds(),
      period_seconds: seconds(),
      timeout_seconds: seconds(),
      failure_threshold: count({ min: 1 }),
      success_threshold: count({ min: 1 }),
    },
    (value) => (typeof value === 'string' ? { http: { path: value } } : value),
  )
}

export function port(): Count {
  return count({ min: 1, max: 65_535 })
}

function statusCodes(): Kind<number | number[], number[]> {
  const json = { anyOf: [{ type: 'integer' }, { type: 'array', items: { type: 'integer' } }] }
  return kind('a status such as 200, or a list of them', json, (value) => {
    const codes: unknown[] = Array.isArray(value) ? value : [value]
    return codes.every((code) => Number.isInteger(code)) ? (codes as number[]) : undefined
  })
}

export interface HookKeys {
  command: Words
  url: Text
  timeout: Duration
}

export function hookGroup(): Group<HookKeys, string | string[]> {
  return group({ command: words(), url: text('a URL'), timeout: duration() }, (value) => {
    if (typeof value === 'string' && /^https?:\/\//.test(value)) return { url: value }
    return typeof value === 'string' || Array.isArray(value) ? { command: value } : value
  })
}

const CONDITIONS = ['started', 'ready', 'completed'] as const
export type Condition = (typeof CONDITIONS)[number]
export type Dependencies = Kind<
  string | string[] | Record<string, Condition>,
  Record<string, Condition>
>

export function dependencies(): Dependencies {
  const json = {
    anyOf: [
      { type: 'string' },
      { type: 'array', items: { type: 'string' } },
      { type: 'object', additionalProperties: { enum: CONDITIONS } },
    ],
  }
  return kind(
    `names of apps, or an object such as { "db": "ready" } with ${CONDITIONS.join(', ')}`,
    json,
    (value) => {
      const names = typeof value === 'string' ? [value] : value
      if (isTextList(names))
        return Object.fromEntries(names.map((name) => [name, 'ready' as const]))
      const isTable =
        isRecord(names) &&
        Object.values(names).every((word) => CONDITIONS.some((known) => known === word))
      return isTable ? (names as Record<string, Condition>) : undefined
    },
  )
}
