import { existsSync } from 'node:fs'

import type { Command } from 'commander'

import { type ActionOutcome, failureOfActions } from '../../client/failures.ts'
import { isConfigFileName } from '../../config/config-file-name.ts'
import { LbmError } from '../../contract/errors.ts'
import { ask, askStarting, type Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { finish } from '../finish.ts'
import { sayAction, sayOutcomes } from '../output/outcomes.ts'
import { type Say, sayFor } from '../output/say.ts'
import { addAppOptions, addIgnoredOptions, type AppOptions } from '../start-options.ts'
import { parseTimeout, waiting } from '../waiting.ts'
import { fetchViews } from './list.ts'
import { CI_HELP, collectOnly } from './restart.ts'

export interface StartOptions extends AppOptions {
  wait: boolean
  timeout?: string
  force?: boolean
  json?: boolean
  env?: string
  only?: string[]
  strict?: boolean
  foreground?: boolean
  daemon?: boolean
  attach?: boolean
}

export function addStart(program: Command, cli: Cli): void {
  const command = program
    .command('start')
    .argument(
      '[what...]',
      'script, program, "command line", ecosystem file, or the name of an app that is stopped',
    )
    .usage('[what...] [options] [-- args for the app]')
    .description('start an app and wait until it is ready')
  addAppOptions(command)
  addIgnoredOptions(command)
    .option('--no-wait', 'return after the spawn, ready or not')
    .option(
      '--timeout <time>',
      'give up waiting after 30 (seconds) or 2m, exit 3; what was started goes on',
    )
    .option('-f, --force', 'start one more although an app of this name runs')
    .option('--env <name>', 'ecosystem file: add what env_<name> holds')
    .option('--only <names>', 'ecosystem file: these apps only', collectOnly)
    .option('--strict', 'ecosystem file: refuse unknown keys')
    .option('--json', 'print what came of it as one JSON document')
    .option('--ci', CI_HELP)
    .option(
      '--foreground',
      'stay here: output to this terminal, end with the app and its exit code',
    )
    .option('--no-daemon', "the same, under PM2's name")
    .option('--attach', 'then show what the apps print; Ctrl-C ends that, not the apps')
    .addHelpText(
      'after',
      `
Examples:
  $ lbm start app.js                        one process
  $ lbm start app.js -i max                 one per CPU behind one port
  $ lbm start app.js -n api -- --port 3000  with a name, and arguments for the app
  $ lbm start "npm run serve"               a command line
  $ lbm start ecosystem.config.js --env production`,
    )
    .action((what: string[], options: StartOptions) => runStart(cli, what, options))
}

export async function runStart(
  cli: Cli,
  what: readonly string[],
  given: StartOptions,
): Promise<void> {
  const { targets, options } = withoutSwallowed(what, given)
  if (options.foreground === true || options.daemon === false) {
    const { runInForeground, specsOf } = await import('./runtime.ts')
    const { json: _, ...rest } = options
    await runInForeground(cli, await specsOf(cli, targets, rest), { wait: options.wait })
  }
  const say = await sayFor(options.json ? { ...cli, silent: true } : cli)
  const timeoutMs = parseTimeout(options.timeout)
  const apps: ActionOutcome[] = []
  const places = targets.length > 0 ? targets : [await ecosystemFile()]
  await waiting(cli, { timeoutMs, meanwhile: 'what was started keeps running' }, async (signal) => {
    for (const target of places) {
      const outcomes = await startOne(cli, say, target, options, signal)
      apps.push(...outcomes)
      // PM2 stops at the first that fails, too: later ones may need it.
      if (failureOfActions(outcomes) !== undefined) return
    }
    say.info('Done.')
  })
  await finish(cli, apps, options)
  if (options.attach) await (await import('./logs.ts')).attachTo(cli, apps)
}

/** `--watch app.js` reads as "watch app.js": where no script is left, the value was the script. */
function withoutSwallowed(
  what: readonly string[],
  options: StartOptions,
): { targets: readonly string[]; options: StartOptions } {
  if (what.length > 0) return { targets: what, options }
  const watch = options.watch || []
  const last = watch.at(-1)
  if (typeof last === 'string' && existsSync(last)) {
    return {
      targets: [last],
      options: { ...options, watch: [...watch.slice(0, -1), true] },
    }
  }
  if (typeof options.log === 'string' && existsSync(options.log)) {
    return { targets: [options.log], options: { ...options, log: true } }
  }
  return { targets: what, options }
}

async function ecosystemFile(): Promise<string> {
  const { findConfigFile } = await import('../../config/find-config-file.ts')
  const file = findConfigFile(currentFolder())
  if (file !== undefined) return file
  throw new LbmError(
    'USAGE',
    'There is nothing to start: no script was named, and this folder has no ecosystem file.',
    {
      hint: 'lbm start app.js; or "lbm init" writes an ecosystem.config.js',
    },
  )
}

async function startOne(
  cli: Cli,
  say: Say,
  target: string,
  options: StartOptions,
  signal: AbortSignal,
): Promise<ActionOutcome[]> {
  if (target === '-' || isConfigFileName(target)) {
    const { startFile } = await import('../start-file.ts')
    return await startFile(cli, say, target, { ...options, existing: 'restart' }, signal)
  }
  if (await isKnown(cli, target)) {
    sayAction(say, 'start', [target])
    const { apps } = await ask(
      cli,
      'app.startExisting',
      { selectors: [target], wait: options.wait },
      { signal },
    )
    sayOutcomes(say, apps, { action: 'start', words: [target] })
    if (say.asPm2) say.info('Process successfully started')
    else if (apps.every(({ outcomes }) => outcomes.length === 0))
      say.info(`${target} is running already`)
    return apps
  }
  const { specFromOptions } = await import('../../config/spec-from-options.ts')
  const { spec, warnings } = specFromOptions(
    target,
    cli.passthrough,
    { ...options },
    { cwd: currentFolder(), env: cli.io.env },
  )
  for (const warning of warnings) say.warn(`${spec.name}: ${warning}`)
  const count = `${spec.instances} ${spec.instances === 1 ? 'instance' : 'instances'}`
  say.info(`Starting ${spec.command ?? spec.script} in ${spec.mode}_mode (${count})`)
  const { force = false, wait } = options
  const { restarted, ...outcome } = await askStarting(
    cli,
    'app.start',
    { spec, force, wait },
    { signal },
  )
  sayOutcomes(say, [outcome])
  if (restarted) say.info(`[${outcome.name}] was there already: started again`)
  if (outcome.outcomes.length === 0) say.info(`[${outcome.name}] is registered, not started`)
  return [outcome]
}

/** PM2's order: a word that is neither a path nor a file name may be the name, namespace or id of an app. */
async function isKnown(cli: Cli, target: string): Promise<boolean> {
  if (target === 'all' || (/^\/.+\/$/.test(target) && !existsSync(target))) return true
  if (/[/.\s]/.test(target)) return false
  const views = await fetchViews(cli)
  return views.some(({ name, namespace, id, app }) =>
    [name, namespace, app, String(id)].includes(target),
  )
}
