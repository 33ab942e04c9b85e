/** What a daemon does that finds another one. */

import type { DaemonApi } from '../../src/contract/api.ts'
import { LbmError } from '../../src/contract/errors.ts'
import type { Hello } from '../../src/contract/version.ts'
import { after, type Clock } from '../kernel/clock.ts'
import type { LockHolder } from '../kernel/pid-lock.ts'
import { isSameProcess } from '../kernel/process-identity.ts'
import { connectRpc } from '../kernel/rpc-client.ts'
import { pause } from './ownership.ts'

/** Whoever holds the lock listens soon after. */
const ANSWER_MS = 8000
const RETRY_MS = 20

/**
 * @returns `answers` when the other one serves, `gone` when it ended meanwhile
 * @throws LbmError DAEMON_UNREACHABLE when it is there and does not answer
 */
export async function yieldTo(
  holder: LockHolder,
  socket: string,
  hello: Hello,
  clock: Clock,
): Promise<'answers' | 'gone'> {
  const deadline = after(clock.now(), ANSWER_MS)
  while (clock.now() < deadline) {
    if (!isSameProcess(holder.pid, holder.start)) return 'gone'
    if (await answers(socket, hello, clock)) return 'answers'
    await pause(RETRY_MS, clock)
  }
  throw new LbmError(
    'DAEMON_UNREACHABLE',
    `Another daemon of this home is there (pid ${holder.pid}) and does not answer.`,
    {
      hint: `end it with: kill -9 ${holder.pid}; the apps go on, and the next command starts another`,
    },
  )
}

/** Asks the other one to make way: the one that the service manager watches is to be the daemon. */
export async function replace(socket: string, hello: Hello, clock: Clock): Promise<void> {
  using peer = await connectRpc<DaemonApi>({ path: socket, hello, timeoutMs: ANSWER_MS, clock })
  await peer.request('daemon.handover', {}, { timeoutMs: ANSWER_MS })
}

async function answers(socket: string, hello: Hello, clock: Clock): Promise<boolean> {
  try {
    using peer = await connectRpc<DaemonApi>({ path: socket, hello, timeoutMs: 1000, clock })
    return peer.remote() !== undefined
  } catch {
    return false // not yet
  }
}
