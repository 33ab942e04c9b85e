import { spawn } from 'node:child_process'

import type { Command } from 'commander'

import { splitWords } from '../../config/split-words.ts'
import type { AppSpec } from '../../contract/app.ts'
import type { LbmEvent } from '../../contract/events.ts'
import type { Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { type Say, sayFor } from '../output/say.ts'
import { addAppOptions, addIgnoredOptions } from '../start-options.ts'
import { collectOnly } from './restart.ts'
import { type RuntimeOptions, runInForeground, specsOf, withoutStart } from './runtime.ts'

interface DevOptions extends RuntimeOptions {
  ignore?: string
  postExec?: string
  silentExec?: boolean
  timestamp?: string | true
}

const DEFAULT_IGNORES = ['node_modules', '.*']
const TIME = 'HH:mm:ss'

export function addDev(program: Command, cli: Cli): void {
  const command = program
    .command('dev')
    .argument('[what...]', 'script, program, "command line" or ecosystem file')
    .usage('<what> [options] [-- args for the app]')
    .description('run an app here, and again whenever its files change')
  addAppOptions(command)
  addIgnoredOptions(command)
    .option('--env <name>', 'ecosystem file: add what env_<name> holds')
    .option('--only <names>', 'ecosystem file: these apps only', collectOnly)
    .option('--strict', 'ecosystem file: refuse unknown keys')
    .option('--ignore <patterns>', 'paths or globs not to watch, with commas')
    .option('--post-exec <command>', 'command to run after each restart')
    .option('--silent-exec', 'do not show what that prints')
    .option('--raw', 'output as it is, with no name before each line')
    .option('--timestamp [format]', `the time before each line (default: ${TIME})`)
    .option('--auto-exit', 'end when the app ends')
    .addHelpText(
      'after',
      '\nExamples:\n  $ lbm dev app.js\n  $ lbm dev app.js --ignore "public,*.test.js"\n  $ lbm dev app.js --post-exec "npm test"',
    )
    .action((what: string[], options: DevOptions) => runDev(cli, what, options))
}

async function runDev(cli: Cli, what: readonly string[], options: DevOptions): Promise<void> {
  const say = await sayFor(cli)
  const ignoreWatch =
    options.ignore === undefined ? undefined : [...DEFAULT_IGNORES, ...options.ignore.split(',')]
  const watching = {
    ...options,
    watch: options.watch ?? [true],
    ...(ignoreWatch === undefined ? {} : { ignoreWatch }),
  }
  const specs = (await specsOf(cli, withoutStart(what), watching)).map((spec) =>
    forDevelopment(spec, options),
  )
  await runInForeground(cli, specs, {
    shape: options.raw ? 'raw' : 'prefixed',
    isPrivate: true,
    stays: options.autoExit !== true,
    wait: false,
    onEvent: (event) => onEvent(say, event, options),
  })
}

/** It dies where it stands, with its stack in the sources, and waits for the next change. */
function forDevelopment(spec: AppSpec, { timestamp }: DevOptions): AppSpec {
  const isNode = spec.runtime === 'node'
  const dateFormat = timestamp === true ? TIME : timestamp
  return {
    ...spec,
    autorestart: false,
    restart: 'never',
    interpreterArgs: isNode
      ? ['--enable-source-maps', ...spec.interpreterArgs]
      : spec.interpreterArgs,
    logs: { ...spec.logs, ...(dateFormat === undefined ? {} : { dateFormat }) },
  }
}

function onEvent(say: Say, event: LbmEvent, { postExec, silentExec = false }: DevOptions): void {
  if (event.type === 'watch.restart') {
    say.warn(`${event.app} starts again: ${event.files.slice(0, 3).join(', ')} changed`)
    if (postExec !== undefined) runAfter(say, postExec, silentExec)
  } else if (event.type === 'watch.suspended') say.warn(event.message)
}

function runAfter(say: Say, command: string, isSilent: boolean): void {
  const [file = '', ...args] = splitWords(command)
  const stdio = isSilent ? 'ignore' : 'inherit'
  const child = spawn(file, args, { cwd: currentFolder(), stdio })
  child.on('error', (error) => say.warn(`--post-exec: ${error.message}`))
}
