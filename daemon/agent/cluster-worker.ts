/** `cluster.worker.disconnect()` and `kill()` without a cluster primary that would answer them. */

import type { Worker } from 'node:cluster'

import { clusterModule } from './node-internals.ts'
import type { Servers } from './servers.ts'

interface WorkerInternals {
  state: string
  disconnect(): Worker
  destroy(): void
  kill(): void
}

export function behaveAsClusterWorker(servers: Servers): void {
  const { worker } = clusterModule()
  if (worker === undefined || worker === null) return
  releaseChannel()
  const internal = worker as unknown as WorkerInternals

  internal.disconnect = () => {
    if (internal.state === 'disconnecting' || internal.state === 'destroying') return worker
    internal.state = 'disconnecting'
    worker.exitedAfterDisconnect = true
    closeAll(servers, () => process.connected && process.disconnect())
    return worker
  }
  internal.destroy = () => {
    if (internal.state === 'destroying') return
    internal.state = 'destroying'
    worker.exitedAfterDisconnect = true
    if (!process.connected) process.exit(0)
    process.once('disconnect', () => process.exit(0))
    process.disconnect()
  }
  internal.kill = internal.destroy
}

/**
 * Node's cluster listens for 'message' and 'disconnect', which keeps a worker alive that has nothing left to do.
 * Under plain node the same script ends.
 */
function releaseChannel(): void {
  const control = process.channel as { unrefCounted?(): void } | undefined
  control?.unrefCounted?.()
  control?.unrefCounted?.()
}

/** As in Node: the channel closes when the last connection of each server has. */
function closeAll(servers: Servers, done: () => void): void {
  let left = 1
  const closed = (): void => {
    left -= 1
    if (left === 0) done()
  }
  for (const server of [...servers.all(), ...servers.datagramSockets()]) {
    left += 1
    server.close(closed)
  }
  closed()
}
