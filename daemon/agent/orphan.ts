/** The supervisor is gone: nobody reads this process' output, gives it connections or would end it. It ends itself, like a stop. */

import type { AgentConfig } from '../../src/contract/agent.ts'
import type { Drain } from './drain.ts'
import { clusterModule } from './node-internals.ts'

const DRAIN = { idleMs: 500, timeoutMs: 3000 }
/** The app's handlers of the stop signal have so long. */
const LAST_MS = 3000

interface Counted {
  unrefCounted?(): void
}

/** @returns looks whether the channel has gone without a word: Node says nothing while a handle it sent awaits its receipt */
export function stopWhenOrphaned(
  { mode, stopSignal = 'SIGINT' }: AgentConfig,
  drain: Drain,
  onOrphaned: () => void,
): () => void {
  let isStopping = false
  const stop = (): void => {
    if (isStopping) return
    isStopping = true
    onOrphaned()
    const worker = mode === 'cluster' ? clusterModule().worker : undefined
    // The app itself, or the supervisor in order, closed the channel.
    if (worker?.exitedAfterDisconnect === true) return
    // Node's own listener would exit on the spot.
    if (worker) worker.exitedAfterDisconnect = true
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
    drain(DRAIN, () => {
      setTimeout(() => process.exit(), LAST_MS).unref()
      process.kill(process.pid, stopSignal)
    })
  }
  process.prependListener('disconnect', stop)
  // A listener of 'disconnect' keeps the process alive; a script that has ended would stay.
  ;(process.channel as Counted | undefined)?.unrefCounted?.()
  return () => {
    if (!process.connected) stop()
  }
}
