/** The daemon's events as something to loop over. */

import { LbmError } from '../contract/errors.ts'
import type { LbmEvent } from '../contract/events.ts'
import { openConnection } from './connection.ts'

/** A reader that does not read must not fill the memory: the oldest go first. */
const MAX_WAITING = 10_000

export interface SubscribeOptions {
  selectors: string[]
  signal: AbortSignal | undefined
  /** Called at the first step of the loop, before anything else of the program runs. */
  onBegin: (subscribing: Promise<unknown>) => void
}

/** @throws LbmError DAEMON_UNREACHABLE when there is no daemon, or it ends */
export async function* subscribe(
  socketPath: string,
  { selectors, signal, onBegin }: SubscribeOptions,
): AsyncGenerator<LbmEvent, void, undefined> {
  const waiting: LbmEvent[] = []
  let wake: () => void = () => undefined
  let isOver = false
  const onNotification = (method: string, params: unknown): void => {
    if (method !== 'event') return
    waiting.push(params as LbmEvent)
    if (waiting.length > MAX_WAITING) waiting.shift()
    wake()
  }
  const onAbort = (): void => wake()
  const opening = openConnection({ socketPath, onNotification })
  const subscribing = opening.then(({ request }) => request('events.subscribe', { selectors }))
  onBegin(subscribing)
  using connection = await opening
  void connection.closed.then(() => {
    isOver = true
    wake()
  })
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await subscribing
    while (signal?.aborted !== true) {
      const event = waiting.shift()
      if (event !== undefined) yield event
      else if (isOver)
        throw new LbmError('DAEMON_UNREACHABLE', 'The connection to the daemon was lost.')
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
