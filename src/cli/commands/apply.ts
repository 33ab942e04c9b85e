import type { Command } from 'commander'

import type { AppliedApp } from '../../client/apply/apply-plan.ts'
import type { Wire } from '../../client/wire.ts'
import { type AppPlan, isNothingToDo } from '../../config/plan/plan-apps.ts'
import { ask, askStarting, type Cli } from '../cli.ts'
import { fail } from '../finish.ts'
import { paletteFor } from '../io.ts'
import { sayReloads } from '../output/rollouts.ts'
import { type Say, sayFor } from '../output/say.ts'
import type { FilePlan, PlanOptions } from '../plan-file.ts'
import { withProgress } from '../reload-progress.ts'
import { parseTimeout, waiting } from '../waiting.ts'
import { showList } from './list.ts'
import { addFileOptions } from './plan.ts'
import { CI_HELP } from './restart.ts'

interface ApplyCommandOptions extends PlanOptions {
  supersede?: boolean
  timeout?: string
  reveal?: boolean
  json?: boolean
}

export function addApply(program: Command, cli: Cli): void {
  const command = program
    .command('apply')
    .argument('[file]', "ecosystem file; the folder's own when left out")
    .description('make what runs what the file says, and touch nothing else')
  addFileOptions(command)
    .option('--supersede', 'take the place of a reload that is under way')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--reveal', 'print values of secret-looking variables, too')
    .option('--json', 'print what came of it as one JSON document')
    .option('--ci', CI_HELP)
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm apply ecosystem.config.js --env production\n  $ lbm apply --prune --timeout 2m',
    )
    .action((file: string | undefined, options: ApplyCommandOptions) =>
      runApply(cli, file, options),
    )
}

export async function runApply(
  cli: Cli,
  given: string | undefined,
  { supersede = false, timeout, reveal = false, json = false, ...options }: ApplyCommandOptions,
): Promise<void> {
  const quiet = json ? { ...cli, silent: true } : cli
  const say = await sayFor(quiet)
  const timeoutMs = parseTimeout(timeout)
  const { planFile } = await import('../plan-file.ts')
  const { planDocument } = await import('../output/plan-text.ts')
  const { applyPlan, failureOfApplied } = await import('../../client/apply/apply-plan.ts')
  const { file, apps: plan } = await planFile(cli, say, given, options)
  await sayPlan(quiet, say, { file, apps: plan }, reveal)

  const applied = await waiting(cli, { timeoutMs, meanwhile: 'what was begun goes on' }, (signal) =>
    withProgress(quiet, say, reloaded(plan), () =>
      applyPlan(wireOf(cli), plan, {
        signal,
        supersede,
        onApplied: (app) => sayApplied(say, app),
      }),
    ),
  )
  if (json) {
    const apps = applied.map(({ plan: planned, app: _app, name: _name, ...outcome }) => ({
      ...planDocument(planned, reveal),
      ...outcome,
    }))
    cli.io.out(JSON.stringify({ file, apps }, null, 2))
  } else if (applied.some(({ result }) => result !== 'none')) await showList(cli)
  await fail(cli, applied, failureOfApplied)
}

async function sayPlan(
  cli: Cli,
  say: Say,
  { file, apps }: FilePlan,
  reveal: boolean,
): Promise<void> {
  if (cli.silent) return
  const { planLines, planSummary } = await import('../output/plan-text.ts')
  say.info(
    `${isNothingToDo(apps) ? 'Nothing to do for' : 'Applying'} ${file}: ${planSummary(apps)}`,
  )
  for (const line of planLines(apps, await paletteFor(cli.io), reveal)) cli.io.out(line)
}

function reloaded(plan: readonly AppPlan[]): string[] {
  return plan.filter(({ action }) => action === 'reload').map(({ name }) => name)
}

function wireOf(cli: Cli): Wire {
  return {
    ask: (method, params, { signal } = {}) => ask(cli, method, params, { signal }),
    askStarting: (method, params, { signal } = {}) => askStarting(cli, method, params, { signal }),
  }
}

function sayApplied(
  say: Say,
  { plan, result, error, app, name, rollout, outcomes }: AppliedApp,
): void {
  if (result === 'skipped') say.warn(`[${name}] left as it is: ${error?.message ?? ''}`)
  else if (error !== undefined) say.info(`[${name}] ✗ ${error.message}`)
  else if (plan.action === 'update') say.info(`[${name}] ✓ takes its new definition`)
  else {
    const outcome = {
      app,
      name,
      ...(rollout === undefined ? {} : { rollout }),
      ...(outcomes === undefined ? {} : { outcomes }),
    }
    sayReloads(say, [outcome])
    if (plan.action === 'start' && outcomes?.length === 0)
      say.info(`[${name}] is registered, not started`)
  }
}
