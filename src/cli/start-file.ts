/** `start`, `restart` and `reload` of an ecosystem file: what is missing is started, what is there gets the new definition. */

import { type ActionOutcome, failureOfActions } from '../client/failures.ts'
import { inOrderOfNeed } from '../client/in-order-of-need.ts'
import type { Wire } from '../client/wire.ts'
import type { AppSpec } from '../contract/app.ts'
import { ask, askStarting, type Cli, homeOf } from './cli.ts'
import { fetchViews } from './commands/list.ts'
import { type FileOptions, loadApps } from './load-apps.ts'
import { sayOutcomes } from './output/outcomes.ts'
import { sayReloads, sayReloadsAsPm2 } from './output/rollouts.ts'
import type { Say } from './output/say.ts'
import { withProgress } from './reload-progress.ts'

export interface FileAction extends FileOptions {
  wait: boolean
  force?: boolean | undefined
  /** What becomes of an app that is there already. */
  existing: 'restart' | 'reload'
  supersede?: boolean | undefined
}

export async function startFile(
  cli: Cli,
  say: Say,
  file: string,
  options: FileAction & object,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  const specs = await loadApps(cli, file, options, say)
  // With a daemon from here on: where each app started one, they would arrive in any order.
  const { instances } = await askStarting(cli, 'app.list', {})
  const known = new Set(instances.map(({ name }) => name))
  const missing = specs.filter(({ name }) => options.force === true || !known.has(name))
  const present = specs.filter((spec) => !missing.includes(spec))
  if (missing.length > 0 && (present.length > 0 || say.asPm2)) {
    say.warn(`Applications ${missing.map(({ name }) => name).join(', ')} not running, starting...`)
  }
  const started = missing.length === 0 ? [] : await startMissing(cli, say, missing, options, signal)
  const changed =
    present.length === 0 ? [] : await changePresent(cli, say, present, options, signal)
  return [...started, ...changed]
}

async function startMissing(
  cli: Cli,
  say: Say,
  specs: readonly AppSpec[],
  options: FileAction,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  const { wireByConnection } = await import('../client/wire.ts')
  using wire = await wireByConnection(homeOf(cli))
  return await inOrderOfNeed(
    specs,
    (spec) => startOne(wire, say, spec, options, signal),
    (spec, need) =>
      say.warn(`${spec.name} is not started: it needs ${need}, which did not come up`),
  )
}

async function startOne(
  wire: Wire,
  say: Say,
  spec: AppSpec,
  { wait, force = false }: FileAction,
  signal: AbortSignal,
): Promise<{ outcome: ActionOutcome; isUp: boolean }> {
  const params = { spec, force, wait }
  const { restarted: _, ...outcome } = await wire.ask('app.start', params, { signal })
  const unit = spec.instances === 1 && !say.asPm2 ? 'instance' : 'instances'
  say.info(`App [${spec.name}] launched (${spec.instances} ${unit})`)
  sayOutcomes(say, [outcome])
  return { outcome, isUp: failureOfActions([outcome]) === undefined }
}

async function changePresent(
  cli: Cli,
  say: Say,
  specs: AppSpec[],
  { existing, wait, supersede = false }: FileAction,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  const selectors = specs.map(({ name }) => name)
  if (existing === 'restart') {
    const { apps } = await ask(
      cli,
      'app.restart',
      { selectors, specs, wait, rolling: false },
      { signal },
    )
    sayOutcomes(say, apps, { action: 'restart', words: [] })
    return apps
  }
  const params = { selectors, specs, supersede, rollback: false }
  const { apps } = await withProgress(cli, say, selectors, () =>
    ask(cli, 'app.reload', params, { signal }),
  )
  if (say.asPm2) sayReloadsAsPm2(say, apps, [], await fetchViews(cli))
  else sayReloads(say, apps)
  return apps
}
