/** Runs the user's hooks beside everything else: a slow one delays other hooks, never an instance. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { LbmEvent } from '../../../src/contract/events.ts'
import { formatDuration } from '../../../src/contract/units.ts'
import { after, type Clock } from '../../kernel/clock.ts'
import { withWholeEnvironment } from '../instance/whole-environment.ts'
import { runCommand } from '../run-command.ts'
import { chooseHooks, type ChosenHook } from './chosen-hooks.ts'
import { postRecord } from './post-record.ts'

export interface Hooks {
  /** Returns at once. */
  fire(spec: AppSpec, event: LbmEvent): void
  /** The supervisor ends: those that still run have so long, then they are ended. */
  close(graceMs: number): Promise<void>
}

export interface HooksOptions {
  clock: Clock
  log: (event: string, fields: Record<string, unknown>) => void
  /** The environment of the supervisor. */
  shell?: Readonly<Record<string, string | undefined>>
  /** At once; more wait their turn. */
  maxRunning?: number
}

interface Job extends ChosenHook {
  spec: AppSpec
  event: LbmEvent
}

const MAX_RUNNING = 4
/** A crash loop with a slow hook must not fill the memory: the oldest that wait are given up. */
const MAX_WAITING = 100

export function createHooks({
  clock,
  log,
  shell = {},
  maxRunning = MAX_RUNNING,
}: HooksOptions): Hooks {
  const waiting: Job[] = []
  const running = new Set<AbortController>()
  let idle: (() => void)[] = []

  function runNext(): void {
    const job = running.size < maxRunning ? waiting.shift() : undefined
    if (job !== undefined) {
      const giveUp = new AbortController()
      running.add(giveUp)
      void run(job, giveUp).finally(() => {
        running.delete(giveUp)
        runNext()
      })
      runNext()
    } else if (running.size === 0) {
      for (const resolve of idle) resolve()
      idle = []
    }
  }

  async function run({ name, hook, spec, event }: Job, giveUp: AbortController): Promise<void> {
    using _ = clock.at(after(clock.now(), hook.timeoutMs), () => giveUp.abort())
    const record = JSON.stringify({
      ...event,
      hook: name,
      name: spec.name,
      namespace: spec.namespace,
    })
    const failures = await Promise.all([
      hook.command && runHookCommand(hook.command, spec, event, name, record, giveUp.signal),
      hook.url && post(hook.url, record, giveUp.signal),
    ])
    for (const failure of failures) {
      if (failure === undefined || failure === '') continue
      const message = giveUp.signal.aborted
        ? `given up after ${formatDuration(hook.timeoutMs)}`
        : failure
      log('hook.failed', { app: event.app, hook: name, message })
    }
  }

  async function runHookCommand(
    command: readonly string[],
    spec: AppSpec,
    event: LbmEvent,
    name: string,
    record: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const env = {
      ...environmentFor(spec, shell),
      LBM_HOOK: name,
      LBM_APP: spec.name,
      ...('number' in event ? { LBM_INSTANCE: String(event.number) } : {}),
    }
    const wanted = {
      command,
      cwd: spec.cwd,
      env,
      uid: spec.uid,
      gid: spec.gid,
      input: `${record}\n`,
    }
    const result = await runCommand(wanted, signal, clock)
    if (result.code === 0) return undefined
    const how = result.code === null ? (result.signal ?? 'unknown') : `exit code ${result.code}`
    return result.lastLine === '' ? how : `${how}: ${result.lastLine}`
  }

  /** The path of a webhook is as good as a password: it is not told. */
  async function post(
    address: string,
    record: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      const url = new URL(address)
      const status = await postRecord(url, record, signal)
      return status >= 200 && status < 300 ? undefined : `${url.host} answered ${status}`
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? 'not a URL'
    }
  }

  return {
    fire(spec, event) {
      for (const chosen of chooseHooks(spec, event)) waiting.push({ ...chosen, spec, event })
      if (waiting.length > MAX_WAITING) {
        const given = waiting.splice(0, waiting.length - MAX_WAITING)
        log('hook.dropped', { app: event.app, hooks: given.length })
      }
      runNext()
    },
    async close(graceMs) {
      await new Promise<void>((resolve) => {
        clock.at(after(clock.now(), graceMs), resolve)
        idle.push(resolve)
        runNext()
      })
      waiting.length = 0
      for (const giveUp of running) giveUp.abort()
    },
  }
}

/** A hook that tells of an app without its secrets is better than none. */
function environmentFor(
  spec: AppSpec,
  shell: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  try {
    return withWholeEnvironment(spec, shell).env
  } catch {
    return spec.env // the start of the app has said what cannot be read
  }
}
