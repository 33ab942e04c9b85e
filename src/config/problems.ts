/** What is wrong with a definition, and the sentence that says so. */

import { nearestOf } from '../contract/errors.ts'

export interface Problem {
  /** Where: `apps[1] (api).kill_timeout`, or `--kill-timeout`. */
  place: string
  message: string
}

/** Longest value that is shown whole. */
const MAX_SHOWN_CHARS = 60

export function wrongValue(place: string, expected: string, value: unknown): Problem {
  return { place, message: `expected ${expected}, got ${showValue(value)}` }
}

export function unknownKey(place: string, key: string, known: readonly string[]): Problem {
  const nearest = nearestOf(key, known)
  return {
    place,
    message:
      nearest === undefined
        ? 'there is no such key'
        : `there is no such key; did you mean "${nearest}"?`,
  }
}

export function sentenceOf({ place, message }: Problem): string {
  return `${place}: ${message}`
}

export function showValue(value: unknown): string {
  const shown =
    typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
  return shown.length > MAX_SHOWN_CHARS ? `${shown.slice(0, MAX_SHOWN_CHARS - 1)}…` : shown
}
