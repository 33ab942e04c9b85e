import type { Command } from 'commander'

import { openConnection } from '../../client/connection.ts'
import type { ActionOutcome } from '../../client/failures.ts'
import { readinessOf, type Wanted } from '../../client/readiness.ts'
import type { AppDetail } from '../../contract/api.ts'
import type { InstanceOutcome } from '../../contract/supervisor.ts'
import { askAbout, type Cli, homeOf } from '../cli.ts'
import { finish } from '../finish.ts'
import { type Say, sayFor } from '../output/say.ts'
import { expandSelectors } from '../selectors.ts'
import { parseTimeout, waiting } from '../waiting.ts'
import { CI_HELP } from './restart.ts'

interface WaitOptions {
  ready?: boolean
  completed?: boolean
  timeout?: string
  json?: boolean
}

/** For what is told by no event. */
const LOOK_AGAIN_MS = 1000

export function addWait(program: Command, cli: Cli): void {
  program
    .command('wait')
    .argument('<apps...>', 'name, id, namespace, /pattern/, all, or an ecosystem file')
    .description('wait until apps are ready: exit 0, 1 when one has failed, 3 when time runs out')
    .option('--ready', 'every instance is ready, a job has completed (default)')
    .option('--completed', 'it has ended by itself with exit code 0')
    .option('--timeout <time>', 'give up waiting after 30 (seconds) or 2m, exit 3')
    .option('--json', 'print what came of it as one JSON document')
    .option('--ci', CI_HELP)
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm wait api --timeout 30\n  $ lbm wait migrate --completed',
    )
    .action((words: string[], options: WaitOptions) => runWait(cli, words, options))
}

export async function runWait(
  cli: Cli,
  words: readonly string[],
  { completed = false, timeout, json = false }: WaitOptions,
): Promise<void> {
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  const timeoutMs = parseTimeout(timeout)
  const selectors = await expandSelectors(cli, words)
  // An app that is not there is not waited for.
  await askAbout(cli, selectors, 'app.describe', { selectors })
  const wanted: Wanted = completed ? 'completed' : 'ready'
  const apps = await waiting(cli, { timeoutMs, meanwhile: 'nothing was changed' }, (signal) =>
    untilSettled(cli, selectors, wanted, signal),
  )
  sayStates(say, apps)
  await finish(cli, apps, { json, table: false })
}

async function untilSettled(
  cli: Cli,
  selectors: string[],
  wanted: Wanted,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  let wake = (): void => undefined
  using connection = await openConnection({
    socketPath: homeOf(cli).socket,
    onNotification: () => wake(),
  })
  await connection.request('events.subscribe', { selectors })
  signal.addEventListener('abort', () => wake(), { once: true })
  for (;;) {
    const changed = new Promise<void>((resolve) => {
      wake = resolve
    })
    const { apps } = await connection.request('app.describe', { selectors })
    signal.throwIfAborted()
    const settled = settledOf(apps, wanted)
    if (settled !== undefined) return settled
    const timer = setTimeout(() => wake(), LOOK_AGAIN_MS)
    await changed
    clearTimeout(timer)
  }
}

/** One that failed settles it: the others need not be waited for. */
function settledOf(details: readonly AppDetail[], wanted: Wanted): ActionOutcome[] | undefined {
  let isPending = false
  let hasFailed = false
  const apps = details.map((detail): ActionOutcome => {
    const { key, spec } = detail.record
    const readiness = readinessOf(detail, wanted)
    isPending ||= readiness === undefined
    hasFailed ||= readiness !== undefined && 'failed' in readiness
    return { app: key, name: spec.name, outcomes: outcomesOf(detail, readiness) }
  })
  return isPending && !hasFailed ? undefined : apps
}

function outcomesOf(
  { instances }: AppDetail,
  readiness: ReturnType<typeof readinessOf>,
): InstanceOutcome[] {
  if (readiness === undefined) return []
  if ('failed' in readiness) return [readiness.failed]
  return instances.map(({ id, number }) => ({ id, number, result: readiness.is }))
}

function sayStates(say: Say, apps: readonly ActionOutcome[]): void {
  for (const { name, outcomes = [] } of apps) {
    const [first] = outcomes
    if (first !== undefined && first.result !== 'failed')
      say.info(`[${name}] ✓ ${first.result} (${outcomes.length})`)
  }
}
