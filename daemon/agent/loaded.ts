/** Tells the supervisor that the main module has been evaluated, top-level await included. */

import type { Channel } from './channel.ts'

/** Node has this listener on 'exit' as long as an ES module that is the entry point is being loaded or evaluated. */
const PENDING_ENTRY = 'handleProcessExit'

export function reportWhenLoaded(channel: Channel): void {
  const tell = (): void => channel.send({ act: 'loaded' })
  // A CommonJS entry is evaluated before the event loop turns for the first time.
  setImmediate(() => {
    if (!process.listeners('exit').some(({ name }) => name === PENDING_ENTRY)) {
      tell()
      return
    }
    const removed = (event: string | symbol, listener: { name: string }): void => {
      if (event !== 'exit' || listener.name !== PENDING_ENTRY) return
      process.off('removeListener', removed)
      tell()
    }
    process.on('removeListener', removed)
  })
}
