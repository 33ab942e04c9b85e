/** Asks for a replacement of an instance that is to go but need not go at once, and asks again when none came up. */

import type { Requester } from '../../../src/contract/instance.ts'
import { formatDuration, type Monotonic } from '../../../src/contract/units.ts'
import { after, type Clock } from '../../kernel/clock.ts'

/** A replacement that does not come up costs a start; the next one is tried later. */
const FIRST_RETRY_MS = 30_000
const MAX_RETRY_MS = 600_000

export interface ReplacementOptions {
  clock: Clock
  /** Resolves with whether another took its place. */
  replace: (by: Requester, message: string) => Promise<boolean>
  note: (text: string) => void
}

export interface Replacement {
  /** Does nothing while one is being made, or when the last one failed a short while ago. */
  request(by: Requester, message: string): Promise<'done' | 'failed' | 'not-now'>
}

export function createReplacement({ clock, replace, note }: ReplacementOptions): Replacement {
  let isUnderWay = false
  let failures = 0
  let notBefore = 0 as Monotonic

  return {
    async request(by, message) {
      if (isUnderWay || clock.now() < notBefore) return 'not-now'
      isUnderWay = true
      const isReplaced = await replace(by, message)
      isUnderWay = false
      if (isReplaced) return 'done'
      const retryMs = Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS)
      failures += 1
      notBefore = after(clock.now(), retryMs)
      note(
        `${message}, but its replacement did not come up; next try in ${formatDuration(retryMs)}`,
      )
      return 'failed'
    },
  }
}
