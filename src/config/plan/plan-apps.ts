/** What a file asks for against what runs: what is to be done, app by app. Pure. */

import type { AppDetail } from '../../contract/api.ts'
import { type AppSpec, isScheduledJob } from '../../contract/app.ts'
import { ALIVE_PHASES } from '../../contract/instance.ts'
import { compareSpecs, type KeyChange } from './compare-specs.ts'
import { keepShell, shellDifferences } from './keep-shell.ts'

export interface AppPlan {
  name: string
  /** `stopped`: defined as it runs, but somebody stopped it, or it gave up. */
  status: 'new' | 'changed' | 'scaled' | 'stopped' | 'removed' | 'unchanged'
  /** `update`: takes the definition, with the processes that there are; `resume`: starts what does not run. */
  action: 'start' | 'reload' | 'update' | 'scale' | 'resume' | 'delete' | 'none'
  changes: KeyChange[]
  /** Set where the count changes. */
  instances?: { from: number; to: number }
  /** Variables of the calling shell that are others than the app has, and are not taken. */
  shell: string[]
  /** What it is to be; absent for one that the file does not have any more. */
  spec?: AppSpec
}

export interface PlanRequest {
  specs: readonly AppSpec[]
  running: readonly AppDetail[]
  /** Absent: nothing is looked for that the file does not have any more. */
  file?:
    | {
        /** As `AppSpec.source` has it. */
        path: string
        /** Of all its apps, without what `append_env_to_name` appends. */
        names: readonly string[]
        baseNameOf: (spec: AppSpec) => string
      }
    | undefined
  /** Removed apps are deleted. */
  prune: boolean
  /** Take the shell's variables, too. */
  updateEnv: boolean
}

/** In the order of the file, then what is gone from it. */
export function planApps({ specs, running, file, prune, updateEnv }: PlanRequest): AppPlan[] {
  const planned = specs.map((spec) => {
    const detail = running.find(({ record }) => record.spec.name === spec.name)
    return detail === undefined ? planNew(spec) : planExisting(spec, detail, updateEnv)
  })
  const wanted = new Set(specs.map(({ name }) => name))
  const removed = running.filter(
    ({ record: { spec } }) =>
      file !== undefined &&
      spec.source?.file === file.path &&
      !wanted.has(spec.name) &&
      // Of another environment: it is in the file under another name.
      !file.names.includes(file.baseNameOf(spec)),
  )
  return [...planned, ...removed.map(({ record }) => planRemoved(record.spec, prune))]
}

export function isNothingToDo(plan: readonly AppPlan[]): boolean {
  return plan.every(({ action }) => action === 'none')
}

function planNew(spec: AppSpec): AppPlan {
  return { name: spec.name, status: 'new', action: 'start', changes: [], shell: [], spec }
}

function planRemoved({ name }: AppSpec, prune: boolean): AppPlan {
  return { name, status: 'removed', action: prune ? 'delete' : 'none', changes: [], shell: [] }
}

function planExisting(given: AppSpec, detail: AppDetail, updateEnv: boolean): AppPlan {
  const before = detail.record.spec
  const spec = updateEnv ? given : keepShell(before, given)
  const changes = compareSpecs(before, spec)
  const [from, to] = [detail.record.slots.length, spec.instances]
  return {
    name: spec.name,
    ...decide(changes, from !== to, spec.autostart && isDown(detail), isScheduledJob(spec)),
    changes,
    ...(from === to ? {} : { instances: { from, to } }),
    shell: updateEnv ? [] : shellDifferences(before, given),
    spec,
  }
}

function decide(
  changes: readonly KeyChange[],
  isCountOther: boolean,
  isDownNow: boolean,
  isScheduled: boolean,
): Pick<AppPlan, 'status' | 'action'> {
  const isOther = changes.length > 0
  if (changes.some(({ effect }) => effect === 'process'))
    return { status: 'changed', action: 'reload' }
  if (isDownNow) {
    // Its schedule is to hold again; it is not to run now.
    if (isScheduled) return { status: isOther ? 'changed' : 'stopped', action: 'reload' }
    if (isOther) return { status: 'changed', action: 'reload' }
    return isCountOther
      ? { status: 'scaled', action: 'reload' }
      : { status: 'stopped', action: 'resume' }
  }
  if (isCountOther) return { status: isOther ? 'changed' : 'scaled', action: 'scale' }
  return isOther ? { status: 'changed', action: 'update' } : { status: 'unchanged', action: 'none' }
}

/** What ended by itself has done what it was there for; a job, if it ended well. */
function isDown({ record, instances }: AppDetail): boolean {
  const { spec, slots, runs = [] } = record
  if (spec.job !== undefined && !isScheduledJob(spec)) {
    return instances.some(
      ({ id, phase }) =>
        !ALIVE_PHASES.includes(phase) && runs.find((run) => run.id === id)?.result !== 'completed',
    )
  }
  return (
    slots.some(({ desired }) => desired === 'stopped') ||
    (spec.job === undefined && instances.some(({ phase }) => phase === 'errored'))
  )
}
