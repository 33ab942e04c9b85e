/** The kinds of values that the keys of an app take: each reads leniently, says what it expects, and knows its JSON schema. */

import * as v from 'valibot'

import { parseBytes, parseDurationMs } from '../contract/units.ts'
import { splitWords } from './split-words.ts'

/**
 * What a user may write, and what becomes of it. The value is a valibot schema; the type says so without valibot's
 * types, which would make it a dependency of whoever uses lbm's.
 */
export interface Kind<In, Out> {
  readonly kindIn?: In
  readonly kindOut?: Out
}

export type InputOf<K> = K extends Kind<infer In, unknown> ? In : never
export type OutputOf<K> = K extends Kind<unknown, infer Out> ? Out : never

export type JsonSchema = Record<string, unknown>

/**
 * @param expected ends the sentence "expected …"
 * @param read returns undefined for what is not allowed
 */
export function kind<In, Out>(
  expected: string,
  json: JsonSchema,
  read: (value: unknown) => Out | undefined,
): Kind<In, Out> {
  return v.pipe(
    v.unknown(),
    v.metadata({ json }),
    v.rawTransform<unknown, Out>(({ dataset, addIssue, NEVER }) => {
      const out = read(dataset.value)
      if (out !== undefined) return out
      addIssue({ message: expected })
      return NEVER
    }),
  ) as unknown as Kind<In, Out>
}

export type Text = Kind<string, string>
export function text(expected = 'a text'): Text {
  return kind(expected, { type: 'string', minLength: 1 }, (value) =>
    typeof value === 'string' && value !== '' ? value : undefined,
  )
}

/** A name of an app or a namespace: it stands in lists, in files' names and in commands. */
export function word(expected = 'a text of 1 to 200 characters on one line'): Text {
  return kind(expected, { type: 'string', minLength: 1, maxLength: 200 }, (value) =>
    typeof value === 'string' && /^[^\p{Cc}]{1,200}$/u.test(value) && value.trim() !== ''
      ? value
      : undefined,
  )
}

export type Flag = Kind<boolean, boolean>
export function flag(): Flag {
  return kind('true or false', { type: 'boolean' }, (value) =>
    typeof value === 'boolean' ? value : undefined,
  )
}

export type OneOf<T extends string> = Kind<T, T>
export function oneOf<T extends string>(allowed: readonly T[]): OneOf<T> {
  return kind(`one of ${allowed.join(', ')}`, { enum: allowed }, (value) =>
    allowed.find((one) => one === value),
  )
}

export type Count = Kind<number | string, number>
export function count({
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
}: { min?: number; max?: number } = {}): Count {
  const expected =
    max === Number.MAX_SAFE_INTEGER
      ? `a whole number from ${min} up`
      : `a whole number from ${min} to ${max}`
  return kind(expected, { type: ['integer', 'string'], minimum: min }, (value) => {
    const number = wholeNumber(value)
    return number !== undefined && number >= min && number <= max ? number : undefined
  })
}

/** A number or the digits of one. */
export function wholeNumber(value: unknown): number | undefined {
  if (typeof value === 'string' && !/^[+-]?\d+$/.test(value.trim())) return undefined
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : undefined
}

export type Weight = Kind<number[], number[]>
export function weights(): Weight {
  const json = { type: 'array', items: { type: 'number', minimum: 0 } }
  return kind('a list of numbers, one an instance, such as [3, 1]', json, (value) =>
    Array.isArray(value) &&
    value.every((item) => typeof item === 'number' && Number.isFinite(item) && item >= 0)
      ? (value as number[])
      : undefined,
  )
}

/** Milliseconds out of `5000`, `"5000"`, `"5s"`. */
export type Duration = Kind<number | string, number>
export function duration(): Duration {
  return kind(
    'a duration such as 5000 (milliseconds) or "5s"',
    { type: ['number', 'string'] },
    (value) =>
      typeof value === 'number' || typeof value === 'string' ? parseDurationMs(value) : undefined,
  )
}

/** Milliseconds out of a number of seconds, as Kubernetes has it, or of `"500ms"`. */
export type Seconds = Kind<number | string, number>
export function seconds(): Seconds {
  return kind(
    'a number of seconds, or a duration such as "500ms"',
    { type: ['number', 'string'] },
    (value) => {
      if (typeof value === 'number')
        return value >= 0 && Number.isFinite(value) ? value * 1000 : undefined
      return typeof value === 'string'
        ? parseDurationMs(/^[\d.]+$/.test(value) ? `${value}s` : value)
        : undefined
    },
  )
}

/** Bytes out of `1048576`, `"200M"`. */
export type Size = Kind<number | string, number>
export function size(): Size {
  return kind(
    'a size such as "150M", "1.5G" or a number of bytes',
    { type: ['number', 'string'] },
    (value) =>
      typeof value === 'number' || typeof value === 'string' ? parseBytes(value) : undefined,
  )
}

/** One text or several. */
export type Texts = Kind<string | string[], string[]>
export function texts(expected = 'a text or a list of texts'): Texts {
  const json = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }
  return kind(expected, json, (value) => {
    if (typeof value === 'string') return [value]
    return isTextList(value) ? value : undefined
  })
}

/** A list of words; one text is cut at its spaces, quotes respected. */
export type Words = Kind<string | (string | number)[], string[]>
export function words(): Words {
  const json = {
    anyOf: [{ type: 'string' }, { type: 'array', items: { type: ['string', 'number'] } }],
  }
  return kind('a text or a list of texts', json, (value) => {
    if (typeof value === 'string') return splitWords(value)
    const isList =
      Array.isArray(value) &&
      value.every((item) => typeof item === 'string' || typeof item === 'number')
    return isList ? value.map(String) : undefined
  })
}

export type Environment = Kind<Record<string, unknown>, Record<string, string>>
export function environment(): Environment {
  return kind('an object of variables such as { "PORT": 3000 }', { type: 'object' }, (value) => {
    if (!isRecord(value)) return undefined
    const given = Object.entries(value).filter(([, item]) => item !== undefined)
    return Object.fromEntries(given.map(([name, item]) => [name, environmentValue(item)]))
  })
}

function environmentValue(value: unknown): string {
  if (value === null) return ''
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}
