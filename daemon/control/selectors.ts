/** Which apps and instances a command means: PM2's order. Pure, but for the time limit of a regular expression. */

import { runInThisContext } from 'node:vm'

import type { AppRecord } from '../../src/contract/app.ts'
import { didYouMean, LbmError } from '../../src/contract/errors.ts'

export interface Selection {
  record: AppRecord
  /** In the order of the slots; never empty. */
  ids: number[]
}

/** A pattern may backtrack for ever, and the daemon is everybody's. */
const PATTERN_TIMEOUT_MS = 100

/**
 * `all`, `/regex/` on the name, name (or key, or the script's path), namespace, id; several are united.
 * @throws LbmError APP_NOT_FOUND when one of them matches nothing; then none is to be acted on
 */
export function resolveSelectors(
  selectors: readonly string[],
  records: readonly AppRecord[],
): Selection[] {
  const chosen = new Set<number>()
  for (const selector of selectors) {
    for (const { ids } of resolveOne(selector, records)) {
      for (const id of ids) chosen.add(id)
    }
  }
  return records
    .map((record) => ({ record, ids: idsOf(record).filter((id) => chosen.has(id)) }))
    .filter(({ ids }) => ids.length > 0)
}

/** True for an app that a subscription to `selector` covers; an app that comes later may be one. */
export function isSelected(selector: string, record: AppRecord): boolean {
  try {
    return resolveOne(selector, [record]).length > 0
  } catch {
    return false // it names nothing, or is no pattern
  }
}

/** True where a selector means this app and no group of apps. */
export function isNamed({ key, spec, slots }: AppRecord, selectors: readonly string[]): boolean {
  const names = [key, spec.name, spec.script, ...slots.map(({ id }) => String(id))]
  return selectors.some((selector) => names.includes(selector))
}

function resolveOne(selector: string, records: readonly AppRecord[]): Selection[] {
  if (selector === 'all') {
    if (records.length === 0) {
      throw new LbmError('APP_NOT_FOUND', 'There is no app.', {
        hint: 'start one: lbm start <script>',
        subject: selector,
      })
    }
    return records.map(whole)
  }
  if (selector.length > 1 && selector.startsWith('/') && selector.endsWith('/')) {
    return someOf(selector, records, byPattern(selector, records))
  }
  const byName = records.filter(
    ({ key, spec }) => spec.name === selector || key === selector || spec.script === selector,
  )
  if (byName.length > 0) {
    const exact = byName.filter(({ key, spec }) => key === selector && key !== spec.name)
    return (exact.length > 0 ? exact : byName).map(whole)
  }
  const byNamespace = records.filter(({ spec }) => spec.namespace === selector)
  if (byNamespace.length > 0) return byNamespace.map(whole)
  return someOf(selector, records, byId(selector, records))
}

function byId(selector: string, records: readonly AppRecord[]): Selection[] {
  if (!/^\d+$/.test(selector)) return []
  const id = Number(selector)
  return records
    .filter((record) => idsOf(record).includes(id))
    .map((record) => ({ record, ids: [id] }))
}

/** PM2's reading: every `/` of the selector is taken out. */
function byPattern(selector: string, records: readonly AppRecord[]): Selection[] {
  const names = records.map(({ spec }) => spec.name)
  const source = selector.replaceAll('/', '')
  let matches: boolean[]
  try {
    const program = `(pattern => ${JSON.stringify(names)}.map(name => pattern.test(name)))(new RegExp(${JSON.stringify(source)}))`
    matches = runInThisContext(program, { timeout: PATTERN_TIMEOUT_MS }) as boolean[]
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? 'it takes too long' : message
    throw new LbmError('USAGE', `Cannot use ${selector} as a pattern: ${why}.`)
  }
  return records.filter((_, index) => matches[index]).map(whole)
}

function someOf(selector: string, records: readonly AppRecord[], found: Selection[]): Selection[] {
  if (found.length > 0) return found
  const known = records.flatMap(({ spec, key }) => [spec.name, key, spec.namespace])
  const offered = [...new Set(known)].filter((name) => name !== 'default')
  throw new LbmError('APP_NOT_FOUND', `No app, namespace or id matches "${selector}".`, {
    hint: didYouMean(selector, offered) ?? 'there is no app yet: lbm start <script>',
    subject: selector,
  })
}

function whole(record: AppRecord): Selection {
  return { record, ids: idsOf(record) }
}

function idsOf(record: AppRecord): number[] {
  return record.slots.map(({ id }) => id)
}
