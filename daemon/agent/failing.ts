/** Notices that this process closes one connection after the other at once, without a word. */

import type { Channel } from './channel.ts'
import type { NativeHandle } from './node-internals.ts'

const AT_ONCE_MS = 100
const WORTH_TELLING = 5

interface Owner {
  readableEnded: boolean
  readable: boolean
  errored: Error | null
  _readableState?: { ended: boolean }
}

export interface Failing {
  /** Looks at how this connection ends. */
  watch(client: NativeHandle): void
}

export function noticeFailing(channel: Channel): Failing {
  let inARow = 0
  return {
    watch(client) {
      const { close } = client
      const bornMs = performance.now()
      client.close = function (done) {
        client.close = close
        if ((client.bytesWritten ?? 0) > 0 || performance.now() - bornMs > AT_ONCE_MS) inARow = 0
        else if (!isClientsDoing(client)) inARow += 1
        if (inARow >= WORTH_TELLING) {
          channel.send({ act: 'failing', closed: inARow })
          inARow = 0
        }
        close.call(this, done)
      }
    },
  }
}

/** It ended or reset the connection: a port check, a cancelled request. */
function isClientsDoing(client: NativeHandle): boolean {
  const key = Object.getOwnPropertySymbols(client).find(
    ({ description }) => description === 'owner_symbol',
  )
  const owner =
    key === undefined ? undefined : (client as unknown as Record<symbol, Owner | undefined>)[key]
  return owner === undefined || owner._readableState?.ended === true || owner.errored !== null
}
