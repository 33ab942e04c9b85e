/** Makes it so: each app by itself, once those that it needs are up; one that fails keeps no other from its own. */

import type { AppPlan } from '../../config/plan/plan-apps.ts'
import type { AppSpec } from '../../contract/app.ts'
import {
  fromWireError,
  isLbmError,
  type LbmError,
  toWireError,
  type WireError,
} from '../../contract/errors.ts'
import { type ActionOutcome, failureOfActions } from '../failures.ts'
import { inOrderOfNeed } from '../in-order-of-need.ts'
import type { AskOptions, Wire } from '../wire.ts'

export interface AppliedApp extends ActionOutcome {
  plan: AppPlan
  /** `skipped`: what it needs failed, or what was to be deleted is kept since another app failed. */
  result: 'done' | 'failed' | 'skipped' | 'none'
  /** Why it was refused or skipped. */
  error?: WireError
}

export interface ApplyOptions extends AskOptions {
  /** Takes the place of a reload that is under way. */
  supersede?: boolean
  /** Called as soon as it is known what came of an app. */
  onApplied?: (app: AppliedApp) => void
}

/** @returns in the order of the plan @throws LbmError when the daemon is lost or the wait ends, and no other */
export async function applyPlan(
  wire: Wire,
  plans: readonly AppPlan[],
  options: ApplyOptions = {},
): Promise<AppliedApp[]> {
  const applied = new Map<string, AppliedApp>()
  const note = (app: AppliedApp): AppliedApp => {
    applied.set(app.name, app)
    if (app.result !== 'none') options.onApplied?.(app)
    return app
  }
  const byName = new Map(plans.map((plan) => [plan.name, plan]))
  const planOf = ({ name }: AppSpec): AppPlan => byName.get(name) as AppPlan

  const changing = plans.filter(({ action }) => action !== 'none' && action !== 'delete')
  await inOrderOfNeed(
    changing.flatMap(({ spec }) => (spec === undefined ? [] : [spec])),
    async (spec) => {
      const app = note(await applyOne(wire, planOf(spec), spec, options))
      return { outcome: app, isUp: app.result === 'done' }
    },
    (spec, need) => note(skipped(planOf(spec), `it needs ${need}, which did not come up`)),
  )
  const hasFailed = [...applied.values()].some(({ result }) => result !== 'done')
  const leaving = plans.filter(({ action }) => action === 'delete')
  if (hasFailed) for (const plan of leaving) note(skipped(plan, 'kept, since another app failed'))
  else for (const app of await deleteAll(wire, leaving, options)) note(app)
  return plans.map((plan) => applied.get(plan.name) ?? { ...nothing(plan), result: 'none' })
}

/** The error of the first app that failed; what depended on it is told by its own line. */
export function failureOfApplied(apps: readonly AppliedApp[]): LbmError | undefined {
  for (const app of apps) {
    const failure = failureOfActions([app])
    if (failure !== undefined) return failure
    if (app.result === 'failed' && app.error !== undefined) return fromWireError(app.error)
  }
  return undefined
}

async function applyOne(
  wire: Wire,
  plan: AppPlan,
  spec: AppSpec,
  options: ApplyOptions,
): Promise<AppliedApp> {
  try {
    const outcome = await carryOut(wire, plan, spec, options)
    const result = failureOfActions([outcome]) === undefined ? 'done' : 'failed'
    return { ...outcome, plan, result }
  } catch (error) {
    return refused(plan, error)
  }
}

async function carryOut(
  { ask, askStarting }: Wire,
  { name, action, changes }: AppPlan,
  spec: AppSpec,
  options: ApplyOptions,
): Promise<ActionOutcome> {
  const selectors = [name]
  switch (action) {
    case 'start': {
      const params = { spec, force: false, wait: true }
      const { restarted: _, ...outcome } = await askStarting('app.start', params, options)
      return outcome
    }
    case 'reload': {
      const { supersede = false } = options
      const params = { selectors, specs: [spec], supersede, rollback: false }
      const outcome = first((await ask('app.reload', params, options)).apps, name)
      if (!cannotRunTwice(spec, outcome)) return outcome
      const restart = { selectors, specs: [spec], wait: true, rolling: false }
      return first((await ask('app.restart', restart, options)).apps, name)
    }
    case 'scale': {
      // First, so that the instances that are added have it.
      if (changes.length > 0) await ask('app.define', { app: name, spec }, options)
      const params = { selector: name, to: String(spec.instances), wait: true }
      const { from: _from, to: _to, ...outcome } = await ask('app.scale', params, options)
      return outcome
    }
    case 'resume':
      return first((await ask('app.startExisting', { selectors, wait: true }, options)).apps, name)
    case 'update':
      await ask('app.define', { app: name, spec }, options)
      return { app: name, name }
    case 'delete':
    case 'none':
      return { app: name, name }
    default:
      return action satisfies never
  }
}

/**
 * A program without the agent that binds a port by itself: nobody knew before the new one tried. Each language has the
 * words of strerror(3).
 */
function cannotRunTwice({ runtime }: AppSpec, { rollout }: ActionOutcome): boolean {
  if (runtime === 'node' || rollout?.result !== 'rolled-back') return false
  const { exit, message = '' } = rollout.failed ?? {}
  const said = [message, exit?.message ?? '', ...(exit?.lastLines ?? [])].join('\n')
  return /address (is )?already in use|EADDRINUSE/i.test(said)
}

/** All at once: the daemon ends what others need after those. */
async function deleteAll(
  { ask }: Wire,
  plans: readonly AppPlan[],
  options: ApplyOptions,
): Promise<AppliedApp[]> {
  if (plans.length === 0) return []
  const selectors = plans.map(({ name }) => name)
  try {
    const { apps } = await ask('app.delete', { selectors }, options)
    return plans.map((plan) => {
      const outcome = first(apps, plan.name)
      const result = failureOfActions([outcome]) === undefined ? 'done' : 'failed'
      return { ...outcome, plan, result }
    })
  } catch (error) {
    return plans.map((plan) => refused(plan, error))
  }
}

/** An app that is refused is one app; a lost daemon or the end of the wait ends it all. */
function refused(plan: AppPlan, error: unknown): AppliedApp {
  if (!isLbmError(error) || error.code === 'TIMED_OUT' || error.code === 'DAEMON_UNREACHABLE')
    throw error
  return { ...nothing(plan), result: 'failed', error: toWireError(error) }
}

function skipped(plan: AppPlan, message: string): AppliedApp {
  return { ...nothing(plan), result: 'skipped', error: { code: 'OPERATION_FAILED', message } }
}

function nothing(plan: AppPlan): Pick<AppliedApp, 'app' | 'name' | 'plan'> {
  return { app: plan.name, name: plan.name, plan }
}

function first(apps: readonly ActionOutcome[], name: string): ActionOutcome {
  return apps.find((app) => app.name === name) ?? { app: name, name }
}
