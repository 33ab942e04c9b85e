/**
 * A connection that one particular instance serves. On the shared port anyone might accept it; so the supervisor
 * connects to itself and gives the accepted end to the instance over its IPC channel, as the balancer does.
 */

import { connect, type Socket } from 'node:net'

import { bindStream, socketName, type StreamHandle } from '../../../balancer/native.ts'

/** Gives the handle away; resolves with whether it was taken. */
export type Deliver = (handle: StreamHandle) => Promise<boolean>

const LOOPBACK = '127.0.0.1'

/** @throws Error with a sentence when it cannot be made, or the instance does not take it */
export async function connectPrivately(deliver: Deliver, signal: AbortSignal): Promise<Socket> {
  const { client, accepted } = await connectToSelf(signal)
  try {
    if (await deliver(accepted)) return client
    throw new Error('it took no connection: it does not listen there, or is full')
  } catch (error) {
    client.destroy()
    throw error
  } finally {
    // The instance has its own copy. With ours open, its close would not reach the client.
    accepted.close()
  }
}

/** The listener lives for this one connection only. */
async function connectToSelf(
  signal: AbortSignal,
): Promise<{ client: Socket; accepted: StreamHandle }> {
  const listener = bindStream({
    address: LOOPBACK,
    port: 0,
    addressType: 4,
    flags: 0,
    backlog: 0,
    index: 0,
  })
  if (typeof listener === 'number') throw new Error(`no loopback connection (errno ${listener})`)
  const strangers: StreamHandle[] = []
  try {
    return await new Promise((resolve, reject) => {
      const errno = listener.listen(8)
      const { port } = socketName(listener)
      if (errno !== 0 || port === undefined) {
        reject(new Error(`no loopback connection (errno ${errno})`))
        return
      }
      const client = connect({ host: LOOPBACK, port, signal })
      // Anyone on this host may connect to the port while it is open: only the own connection counts.
      const match = (): void => {
        const at = strangers.findIndex((handle) => peerPort(handle) === client.localPort)
        const [accepted] = at < 0 ? [] : strangers.splice(at, 1)
        if (accepted !== undefined) resolve({ client, accepted })
      }
      listener.onconnection = (status, handle) => {
        if (status !== 0 || handle === undefined) return
        strangers.push(handle)
        match()
      }
      client.on('connect', match)
      client.on('error', reject)
    })
  } finally {
    listener.close()
    for (const handle of strangers) handle.close()
  }
}

function peerPort(handle: StreamHandle): number | undefined {
  const name: { port?: number } = {}
  handle.getpeername?.(name)
  return name.port
}
