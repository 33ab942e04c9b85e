import type { Command } from 'commander'

import type { AppSpec } from '../../contract/app.ts'
import { LbmError } from '../../contract/errors.ts'
import { askAbout, type Cli } from '../cli.ts'
import { collectValues } from '../start-options.ts'
import { parseTimeout } from '../waiting.ts'
import { collectOnly } from './restart.ts'
import { type RuntimeOptions, specsOf } from './runtime.ts'

interface RunOptions extends RuntimeOptions {
  as?: string
  timeout?: string
}

export function addRun(program: Command, cli: Cli): void {
  program
    .command('run')
    .argument(
      '<what>',
      'script, program, "command line", or an ecosystem file with one app (or --only)',
    )
    .usage('<what> [options] [-- args for the program]')
    .description('run a job once, here, and exit with its exit code')
    .option('--as <app>', 'with the environment, the working directory and the user of this app')
    .option('--timeout <time>', 'end it after 30 (seconds) or 2m, exit 3')
    .option('-k, --kill-timeout <time>', 'time between SIGTERM and SIGKILL then (default: 10s)')
    .option('--cwd <folder>', 'working directory; the script is relative to it')
    .option('--interpreter <program>', 'program that runs the script')
    .option('--interpreter-args <args>', 'arguments before the script')
    .option('--node-args <args>', 'the same, under the name it has for Node')
    .option(
      '--env-file <file>',
      'file of variables, as for node --env-file (repeatable)',
      collectValues,
    )
    .option('--filter-env [name]', 'keep variables whose names contain this from it', collectValues)
    .option('-u, --user <name>', 'user to run as (root only)')
    .option('--uid <user>', 'the same, by number')
    .option('--gid <group>', 'group to run as (root only)')
    .option('--env <name>', 'ecosystem file: add what env_<name> holds')
    .option('--only <names>', 'ecosystem file: this app', collectOnly)
    .option('--strict', 'ecosystem file: refuse unknown keys')
    .addHelpText(
      'after',
      `
Examples:
  $ lbm run migrate.js && lbm reload api
  $ lbm run migrate.js --as api -- --dry-run
  $ lbm run ecosystem.config.js --only migrate --env production --timeout 5m`,
    )
    .action((what: string, options: RunOptions) => runRun(cli, what, options))
}

/** Ends the process with the job's exit code. */
async function runRun(cli: Cli, what: string, options: RunOptions): Promise<void> {
  const timeoutMs = parseTimeout(options.timeout)
  const found =
    options.as === undefined
      ? await specsOf(cli, [what], options)
      : [await specLike(cli, options.as, what, options)]
  const [spec] = found
  if (spec === undefined || found.length > 1) {
    throw new LbmError('USAGE', `${what} holds ${found.length} apps, and one job can be run.`, {
      hint: `name one: --only ${found.map(({ name }) => name).join(' or --only ')}`,
    })
  }
  const { runJob } = await import('../foreground/run-job.ts')
  process.exit(await runJob(spec, timeoutMs))
}

/** What is not given by an option is as the app has it. */
async function specLike(
  cli: Cli,
  app: string,
  what: string,
  options: RunOptions,
): Promise<AppSpec> {
  const wanted = { selectors: [app], reveal: true }
  const { apps } = await askAbout(cli, [app], 'app.describe', wanted)
  const like = apps[0]?.record.spec
  if (like === undefined) throw new LbmError('APP_NOT_FOUND', `There is no app "${app}".`)
  const { specFromOptions } = await import('../../config/spec-from-options.ts')
  const given = { ...options, cwd: options.cwd ?? like.cwd }
  const { spec } = specFromOptions(what, cli.passthrough, given, { cwd: like.cwd, env: like.env })
  return { ...like, ...spec, ...idsOf(like), ...idsOf(spec) }
}

function idsOf({ uid, gid }: AppSpec): Pick<AppSpec, 'uid' | 'gid'> {
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }
}
