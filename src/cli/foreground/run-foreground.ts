/** Apps that live and end with this process: for containers, for other supervisors, for developing. */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { openConnection } from '../../client/connection.ts'
import { deathSentence, failureOfActions } from '../../client/failures.ts'
import { resolveHome } from '../../client/home.ts'
import { startSpecs } from '../../client/start-file.ts'
import { type Wire, wireByCall } from '../../client/wire.ts'
import type { AppSpec } from '../../contract/app.ts'
import { isLbmError } from '../../contract/errors.ts'
import type { LbmEvent } from '../../contract/events.ts'
import { type HomePaths, homePaths } from '../../contract/home.ts'
import type { ExitReason, InstanceView } from '../../contract/instance.ts'
import type { Cli } from '../cli.ts'
import { reportError } from '../output/errors.ts'
import { exitCodeOfApps } from './exit-code.ts'
import { type OwnDaemon, startOwnDaemon } from './own-daemon.ts'
import { listenForSignals } from './signals.ts'

export interface ForegroundOptions {
  /** A home of its own even where LBM_HOME names one. */
  isPrivate?: boolean
  /** Go on when no app is left. */
  stays?: boolean
  /** Apps of an earlier run in the same home that are not among these are deleted. */
  prunes?: boolean
  /** false: what dies while it starts ends nothing. */
  wait?: boolean
  onEvent?: (event: LbmEvent) => void
}

/** Ends the process. */
export async function runForeground(
  cli: Cli,
  specs: readonly AppSpec[],
  options: ForegroundOptions = {},
): Promise<never> {
  const { isPrivate = !cli.io.env['LBM_HOME'] } = options
  const home = isPrivate ? homePaths(mkdtempSync(join(tmpdir(), 'lbm-'))) : resolveHome(cli.io.env)
  const daemon = await startOwnDaemon(home, isPrivate)
  const wire = wireByCall({ home: () => home, env: process.env })
  const exits = new Map<number, ExitReason>()
  try {
    const code = await live(cli, { home, wire, specs, exits }, options)
    return await daemon.exit(code)
  } catch (error) {
    return await afterFailure(cli, daemon, wire, exits, error)
  }
}

interface Life {
  home: HomePaths
  wire: Wire
  specs: readonly AppSpec[]
  /** The last end of each instance. */
  exits: Map<number, ExitReason>
}

/** @returns the code to exit with @throws LbmError when an app did not come up */
async function live(
  cli: Cli,
  { home, wire, specs, exits }: Life,
  { stays = false, prunes = false, wait = true, onEvent }: ForegroundOptions,
): Promise<number> {
  let finish: (code: number) => void = () => undefined
  const finished = new Promise<number>((resolve) => (finish = resolve))
  let isStarting = true
  const finishWhenAllEnded = async (): Promise<void> => {
    if (isStarting || stays) return
    const { instances } = await wire.ask('app.list', {})
    if (instances.every(isAtRest)) finish(exitCodeOfApps([...exits.values()]))
  }
  const onNotification = (method: string, params: unknown): void => {
    if (method !== 'event') return
    const event = params as LbmEvent
    onEvent?.(event)
    if (event.type === 'instance.exited') {
      exits.set(event.id, event.exit)
      sayDeath(cli, event)
    }
    if (event.type === 'instance.exited' || event.type === 'instance.errored') {
      // The daemon is ending when it does not answer any more.
      finishWhenAllEnded().catch(() => undefined)
    }
  }
  using connection = await openConnection({ socketPath: home.socket, onNotification })
  await connection.request('events.subscribe', { selectors: ['all'] })
  listenForSignals(wire, async () => {
    await stopAll(wire)
    finish(exitCodeOfApps([...exits.values()]))
  })
  if (prunes) await deleteOthers(wire, specs)
  const starting = startSpecs(wire, specs, { wait })
  const isSignalled = await Promise.race([starting.then(() => false), finished.then(() => true)])
  if (!isSignalled) {
    const failure = failureOfActions(await starting)
    if (failure !== undefined) throw failure
  }
  isStarting = false
  await finishWhenAllEnded()
  return await finished
}

function isAtRest({ phase }: InstanceView): boolean {
  return phase === 'stopped' || phase === 'errored'
}

async function stopAll(wire: Wire): Promise<void> {
  const { instances } = await wire.ask('app.list', {})
  if (instances.length > 0) await wire.ask('app.stop', { selectors: ['all'] })
}

async function deleteOthers(wire: Wire, specs: readonly AppSpec[]): Promise<void> {
  const { instances } = await wire.ask('app.list', {})
  const others = instances.filter(({ name }) => !specs.some((spec) => spec.name === name))
  if (others.length > 0)
    await wire.ask('app.delete', { selectors: others.map(({ id }) => String(id)) })
}

/** Ends all, with the code of the app that failed. */
async function afterFailure(
  cli: Cli,
  daemon: OwnDaemon,
  wire: Wire,
  exits: ReadonlyMap<number, ExitReason>,
  error: unknown,
): Promise<never> {
  const own = exitCodeOfApps([...exits.values()].filter(({ requestedBy }) => !requestedBy))
  // Its death has been told, and what it printed has been seen.
  const isTold = own !== 0 && isLbmError(error) && error.code === 'START_FAILED'
  const code = isTold ? own : reportError(cli.io, error)
  await stopAll(wire).catch(() => undefined) // the first error is the one to tell
  return await daemon.exit(own === 0 ? code : own)
}

function sayDeath(
  { io, silent }: Cli,
  { app, id, exit, willRestartInMs }: Extract<LbmEvent, { type: 'instance.exited' }>,
): void {
  if (silent || exit.requestedBy !== undefined) return
  const next = willRestartInMs === null ? '' : '; it is started again'
  io.err(`lbm: ${app} (id ${id}) ended: ${deathSentence(exit)}${next}`)
}
