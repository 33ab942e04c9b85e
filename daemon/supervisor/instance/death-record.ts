/** Puts together what is known of a death, at once and when its output is read. */

import type { AppSpec } from '../../../src/contract/app.ts'
import type { ExitReason } from '../../../src/contract/instance.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { OomLedger } from '../health/deaths/kernel-oom.ts'
import type { WellRuns } from '../health/deaths/well-runs.ts'
import { explainExit, isFailure, withLastLines } from './exit-reason.ts'
import type { RunningProcess } from './running-process.ts'
import type { Effect } from './state.ts'

const LAST_LINES = 20
/** What V8 says of a full heap stands above a stack trace. */
const SEARCHED_LINES = 80

type Died = Extract<Effect, { type: 'died' }>

export interface DeathContext {
  clock: Clock
  oom: OomLedger
  generation: number
  notes: readonly string[]
}

/** @param dead undefined when it was never spawned */
export function recordDeath(
  effect: Died,
  dead: RunningProcess | undefined,
  { clock, oom, generation, notes }: DeathContext,
): ExitReason {
  return {
    ...explainExit({
      effect,
      code: dead?.exit?.code ?? null,
      signal: dead?.exit?.signal ?? null,
      fault: dead?.fault,
      bindFailure: dead?.bindFailure,
      isKernelOom: dead !== undefined && wasKilledByKernel(effect, dead, oom),
      pid: dead?.child.pid ?? 0,
      uptimeMs: dead === undefined ? 0 : clock.now() - dead.startedAt,
      atMs: clock.wall(),
    }),
    generation,
    ...dead?.health.facts(),
    ...(effect.requestedBy === 'listen-timeout' ? hindrances(dead, notes) : {}),
  }
}

/** With what its output tells, and what has changed since the app ran well. */
export async function tellDeath(
  exit: ExitReason,
  dead: RunningProcess | undefined,
  { wellRuns, spec }: { wellRuns: WellRuns; spec: AppSpec },
): Promise<ExitReason> {
  const changed = isFailure(exit) ? await wellRuns.changesSince(dead?.spec ?? spec) : undefined
  const told = changed === undefined ? exit : { ...exit, changed }
  if (dead === undefined) return told
  await Promise.all([dead.out.ended, dead.error.ended])
  const errorLines = dead.error.lastLines(SEARCHED_LINES)
  const lines = errorLines.length > 0 ? errorLines : dead.out.lastLines(SEARCHED_LINES)
  return withLastLines(told, lines, LAST_LINES)
}

/** What stood in the way of its becoming ready. */
function hindrances(
  dead: RunningProcess | undefined,
  notes: readonly string[],
): { message?: string } {
  const seen = [...notes, ...(dead?.health.notes() ?? [])].join('; ')
  return seen === '' ? {} : { message: seen }
}

function wasKilledByKernel(
  { requestedBy }: Died,
  { child, exit }: RunningProcess,
  oom: OomLedger,
): boolean {
  const isKilled = requestedBy === undefined && exit?.signal === 'SIGKILL'
  const isByKernel = isKilled && oom.claim(child.pid)
  oom.forget(child.pid)
  return isByKernel
}
