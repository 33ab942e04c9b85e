/** One try of a probe, against one instance. */

import { connect, type Socket } from 'node:net'

import type { ProbeSpec } from '../../../../src/contract/app.ts'
import { formatDuration } from '../../../../src/contract/units.ts'
import type { StreamHandle } from '../../../balancer/native.ts'
import { after, type Clock } from '../../../kernel/clock.ts'
import { type CommandRun, runCommand } from '../../run-command.ts'
import { askForStatus, isExpected } from './http-probe.ts'
import type { Way } from './known-listeners.ts'
import { connectPrivately } from './private-connection.ts'

export interface Attempt {
  ok: boolean
  /** What was found, in a sentence. */
  message: string
}

export interface ProbeTarget {
  wayTo: (port: number | undefined) => Way | undefined
  /** Gives the instance a connection for that listener; resolves with whether it took it. */
  deliver: (key: string, handle: StreamHandle) => Promise<boolean>
  /** Its servers expect a PROXY protocol header first. */
  expectsProxyHeader: boolean
  /** How a command of the app's is run. */
  commands: Omit<CommandRun, 'command'>
}

/** Never rejects, and never takes longer than the probe's time-out. @param ended the process is gone */
export async function attemptProbe(
  probe: ProbeSpec,
  target: ProbeTarget,
  clock: Clock,
  ended: AbortSignal,
): Promise<Attempt> {
  const giveUp = new AbortController()
  const { signal } = giveUp
  const abort = (): void => giveUp.abort()
  ended.addEventListener('abort', abort)
  using _ = clock.at(after(clock.now(), probe.timeoutMs), abort)
  const aborted = new Promise<Attempt>((resolve) => {
    signal.addEventListener('abort', () =>
      resolve({ ok: false, message: `no answer within ${formatDuration(probe.timeoutMs)}` }),
    )
  })
  const outcome = once(probe, target, signal, clock).catch((error: unknown): Attempt => ({
    ok: false,
    message: error instanceof Error ? error.message : String(error),
  }))
  try {
    return await Promise.race([aborted, outcome])
  } finally {
    ended.removeEventListener('abort', abort)
    // Whatever it left open goes.
    abort()
  }
}

async function once(
  probe: ProbeSpec,
  target: ProbeTarget,
  signal: AbortSignal,
  clock: Clock,
): Promise<Attempt> {
  const { http, tcp, exec } = probe
  if (exec !== undefined) {
    const run = { ...target.commands, command: exec.command }
    const { code, signal: ended, lastLine } = await runCommand(run, signal, clock)
    if (code === 0) return { ok: true, message: '' }
    const how = code === null ? `ended by ${ended ?? 'a signal'}` : `exit code ${code}`
    return { ok: false, message: lastLine === '' ? how : `${how}: ${lastLine}` }
  }
  const connection = await connectTo((http ?? tcp)?.port, target, signal)
  try {
    if (http === undefined) return { ok: true, message: '' }
    const status = await askForStatus(connection, http)
    return isExpected(status, http.status)
      ? { ok: true, message: '' }
      : { ok: false, message: `GET ${http.path} answered ${status}` }
  } finally {
    connection.destroy()
  }
}

async function connectTo(
  port: number | undefined,
  { wayTo, deliver, expectsProxyHeader }: ProbeTarget,
  signal: AbortSignal,
): Promise<Socket> {
  const way = wayTo(port)
  if (way === undefined) throw new Error('it does not listen yet')
  const socket =
    way.by === 'hand'
      ? await connectPrivately((handle) => deliver(way.key, handle), signal)
      : await connectByPort(way.port, signal)
  if (expectsProxyHeader) socket.write('PROXY UNKNOWN\r\n')
  return socket
}

function connectByPort(port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    // Whichever of IPv4 and IPv6 it listens on.
    const socket = connect({ host: 'localhost', port, signal, autoSelectFamily: true })
    socket.on('connect', () => resolve(socket))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'ECONNREFUSED' || error instanceof AggregateError
          ? new Error(`nothing listens on port ${port}`)
          : error,
      ),
    )
  })
}
