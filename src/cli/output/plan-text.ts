/** A plan for people: a line an app, and one for each key that changes. */

import type { KeyChange, Side } from '../../config/plan/compare-specs.ts'
import type { AppPlan } from '../../config/plan/plan-apps.ts'
import { isScheduledJob } from '../../contract/app.ts'
import { maskValue } from '../../contract/mask.ts'
import type { Paint, Palette } from './palette.ts'

const ACTION_WIDTH = 9
/** Names of variables in a note; more say nothing. */
const MAX_NAMES = 6

export function planLines(plan: readonly AppPlan[], palette: Palette, reveal: boolean): string[] {
  const width = Math.max(0, ...plan.map(({ name }) => name.length))
  return plan.flatMap((app) => [
    `  ${paintOf(app, palette)(wordOf(app).padEnd(ACTION_WIDTH))}  ${app.name.padEnd(width)}  ${remarkOf(app)}`.trimEnd(),
    ...changeLines(app.changes, palette, reveal),
    ...shellLines(app, palette),
  ])
}

/** `1 to start, 2 to reload, 3 unchanged`. */
export function planSummary(plan: readonly AppPlan[]): string {
  const counts = new Map<string, number>()
  for (const app of plan) {
    const word = app.action === 'none' ? wordOf(app) : `to ${wordOf(app)}`
    counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return [...counts].map(([word, count]) => `${count} ${word}`).join(', ')
}

/** The plan as one JSON document, secrets masked. */
export function planDocument(app: AppPlan, reveal: boolean): Record<string, unknown> {
  const { name, status, action, changes, instances, shell } = app
  const side = (key: string, { value, source }: Side): Record<string, unknown> => ({
    value: maskedOf(key, value, reveal) ?? null,
    source,
  })
  return {
    name,
    status,
    action,
    changes: changes.map(({ key, effect, from, to }) => ({
      key,
      from: side(key, from),
      to: side(key, to),
      effect,
    })),
    ...(instances === undefined ? {} : { instances }),
    ...(shell.length === 0 ? {} : { shell }),
  }
}

function wordOf({ action, status }: AppPlan): string {
  if (action === 'none') return status === 'removed' ? 'kept' : 'unchanged'
  return action
}

function remarkOf({ status, action, instances, changes, spec }: AppPlan): string {
  const counts = instances === undefined ? [] : [`${instances.from} → ${instances.to} instances`]
  if (status === 'new') return [...newRemark(spec), 'new'].join(', ')
  if (status === 'removed')
    return `not in the file any more${action === 'none' ? '; --prune deletes it' : ''}`
  if (status === 'stopped') return 'defined as it was, but it does not run'
  if (action === 'update' || (action === 'scale' && changes.length > 0))
    counts.push('keeps its processes')
  return counts.join(', ')
}

function newRemark(spec: AppPlan['spec']): string[] {
  if (spec === undefined) return []
  if (spec.job !== undefined)
    return [isScheduledJob(spec) ? `a job at ${spec.cronRestart}` : 'a job']
  return [
    `${spec.instances} ${spec.instances === 1 ? 'instance' : 'instances'} in ${spec.mode} mode`,
  ]
}

function paintOf({ action }: AppPlan, palette: Palette): Paint {
  switch (action) {
    case 'start':
    case 'resume':
      return palette.green
    case 'delete':
      return palette.red
    case 'none':
      return palette.grey
    case 'reload':
    case 'scale':
    case 'update':
      return palette.yellow
    default:
      return action satisfies never
  }
}

function changeLines(
  changes: readonly KeyChange[],
  { grey, cyan }: Palette,
  reveal: boolean,
): string[] {
  const width = Math.max(0, ...changes.map(({ key }) => key.length))
  return changes.map(({ key, from, to }) => {
    const values = `${shown(key, from, reveal)} → ${shown(key, to, reveal)}`
    const source = from.source === to.source ? to.source : `${from.source} → ${to.source}`
    return `      ${cyan(key.padEnd(width))}  ${values}  ${grey(`(${source})`)}`
  })
}

function shellLines({ shell, action }: AppPlan, { grey }: Palette): string[] {
  if (shell.length === 0 || action === 'none') return []
  const names = [...shell.slice(0, MAX_NAMES), ...(shell.length > MAX_NAMES ? ['…'] : [])]
  return [
    `      ${grey(`keeps the shell it was started from; --update-env takes ${names.join(', ')}`)}`,
  ]
}

function shown(key: string, { value }: Side, reveal: boolean): string {
  const masked = maskedOf(key, value, reveal)
  if (masked === undefined) return 'none'
  if (typeof masked === 'string' && masked !== '' && !/\s/.test(masked)) return masked
  return JSON.stringify(masked)
}

function maskedOf(key: string, value: unknown, reveal: boolean): unknown {
  if (reveal || typeof value !== 'string') return value
  return maskValue(key.replace(/^env\./, ''), value)
}
