/** The old supervisor's side of an upgrade: a successor of the installed version takes its apps over, nothing is lost. */

import { type ChildProcess, spawn } from 'node:child_process'

import { LbmError } from '../../../src/contract/errors.ts'
import { ALIVE_PHASES } from '../../../src/contract/instance.ts'
import { NODE_FLAGS } from '../../../src/contract/node-flags.ts'
import {
  type FromPredecessor,
  type FromSuccessor,
  TAKEOVER_FLAG,
} from '../../../src/contract/takeover.ts'
import type { NativeHandle } from '../../balancer/port.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import type { AppHost } from '../app-host-port.ts'

/** Beyond the listen_timeout of the slowest app: the successor's own time. */
const GRACE_MS = 15_000

export interface HandOverOptions {
  id: string
  /** Absolute path of the successor's program. */
  program: string
  home: string
  logFd: number
  hosts: ReadonlyMap<string, AppHost>
  clock: Clock
  /** The name is the successor's now: no more commands, no files touched. */
  leaveName: () => void
  /** Everything is gone but this process. */
  exit: () => void
}

/**
 * Resolves when the successor serves; the old instances drain on, then `exit` is called.
 * @throws LbmError OPERATION_FAILED when the successor did not come up; nothing has changed then
 */
export async function handOver(options: HandOverOptions): Promise<{ pid: number }> {
  const { id, program, home, logFd, hosts, clock } = options
  const job = [...hosts.values()].find(isAtWork)
  if (job !== undefined) {
    // Neither to be cut off nor to run twice.
    throw new LbmError('OPERATION_FAILED', `The job "${job.record().spec.name}" is running.`, {
      hint: 'type "lbm upgrade" again when it has ended',
    })
  }
  const successor = spawn(process.execPath, [...NODE_FLAGS, program, id, TAKEOVER_FLAG], {
    detached: true,
    cwd: '/',
    env: { ...process.env, LBM_HOME: home },
    stdio: ['ignore', logFd, logFd, 'ipc'],
  })
  const line = talkTo(successor, clock)
  try {
    await line.hear('hello', GRACE_MS)
    for (const host of hosts.values()) sendApp(line, host)
    line.say({ type: 'begin' })
    const slowest = Math.max(
      0,
      ...[...hosts.values()].map((host) => host.record().spec.listenTimeoutMs),
    )
    await line.hear('up', slowest + GRACE_MS)
    line.say({ type: 'serve' })
    await line.hear('serving', GRACE_MS)
  } catch (error) {
    successor.kill('SIGKILL')
    throw new LbmError(
      'OPERATION_FAILED',
      `The new supervisor did not come up: ${(error as Error).message}. The old one goes on.`,
    )
  }
  options.leaveName()
  void retire(hosts, line).then(options.exit)
  return { pid: successor.pid ?? 0 }
}

function isAtWork(host: AppHost): boolean {
  return (
    host.record().spec.job !== undefined &&
    host.reports().some(({ phase }) => ALIVE_PHASES.includes(phase))
  )
}

function sendApp(line: Line, host: AppHost): void {
  const record = host.record()
  const known = host.reports()
  const active = known.filter(({ phase }) => phase !== 'stopped' && phase !== 'errored')
  const ids = active.map(({ id }) => id)
  // A program without the agent binds its port itself: two of them cannot be there at once.
  const isBeside = record.spec.runtime === 'node'
  line.say({ type: 'app', record, known, beside: isBeside ? ids : [], after: isBeside ? [] : ids })
  for (const { query, handle, ticketKeys } of host.listeners()) {
    line.say(
      {
        type: 'listener',
        app: record.key,
        query,
        ...(ticketKeys === undefined ? {} : { ticketKeys }),
      },
      handle,
    )
  }
}

async function retire(hosts: ReadonlyMap<string, AppHost>, line: Line): Promise<void> {
  void Promise.all([...hosts.values()].map((host) => host.renounce())).then(() =>
    line.say({ type: 'leaderless' }),
  )
  await Promise.all([...hosts.values()].map((host) => host.close('upgrade')))
  line.say({ type: 'gone' })
  line.end()
}

interface Line {
  say(message: FromPredecessor, handle?: NativeHandle): void
  hear(type: FromSuccessor['type'], timeoutMs: number): Promise<void>
  end(): void
}

function talkTo(successor: ChildProcess, clock: Clock): Line {
  const heard: FromSuccessor[] = []
  let listen: (() => void) | undefined
  let ended: string | undefined
  const notice = (): void => listen?.()
  successor.on('message', (message) => {
    heard.push(message as FromSuccessor)
    notice()
  })
  successor.on('error', (error) => {
    ended ??= error.message
    notice()
  })
  successor.on('exit', (code, signal) => {
    ended ??= `it ended with ${signal ?? `exit code ${code}`}`
    notice()
  })

  return {
    say(message, handle) {
      if (successor.connected) successor.send(message, handle as never, () => undefined)
    },
    hear: (type, timeoutMs) =>
      new Promise((resolve, reject) => {
        const timer = clock.at(after(clock.now(), timeoutMs), () =>
          settle(new Error(`no answer within ${timeoutMs} ms`)),
        )
        const settle = (error?: Error): void => {
          listen = undefined
          timer[Symbol.dispose]()
          if (error === undefined) resolve()
          else reject(error)
        }
        listen = () => {
          const failed = heard.find((message) => message.type === 'failed')
          if (heard.some((message) => message.type === type)) settle()
          else if (failed !== undefined) settle(new Error(failed.message))
          else if (ended !== undefined) settle(new Error(ended))
        }
        notice()
      }),
    end() {
      if (successor.connected) successor.disconnect()
      successor.unref()
    },
  }
}
